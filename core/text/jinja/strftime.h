// datetime.strftime in the C locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fabula::text::jinja {

std::string format_time(std::string_view format,
                        int64_t local_seconds);  // seconds since 1970 as the local clock shows them

}  // namespace fabula::text::jinja
