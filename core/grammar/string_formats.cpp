#include "core/grammar/string_formats.h"

namespace fabula::grammar {

namespace {

#define FABULA_DATE                                                                                      \
  "[12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-" \
  "9]|1[0-9]|2[0-8]))"
#define FABULA_TIME \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define FABULA_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?"
#define FABULA_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define FABULA_COUNT "[1-9][0-9]{0,3}"

struct Format {
  std::string_view name, pattern;
};
constexpr Format formats[] = {
    {"date", "^" FABULA_DATE "$"},
    {"time", "^" FABULA_TIME "$"},
    {"date-time", "^" FABULA_DATE "T" FABULA_TIME "$"},
    {"duration", "^P(" FABULA_COUNT "[DW]|T" FABULA_COUNT "[HMS]|" FABULA_COUNT "DT" FABULA_COUNT "[HMS])$"},
    {"email", "^[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@" FABULA_LABEL "(\\." FABULA_LABEL "){1,3}$"},
    {"hostname", "^" FABULA_LABEL "(\\." FABULA_LABEL "){0,4}$"},
    {"ipv4", "^" FABULA_OCTET "(\\." FABULA_OCTET "){3}$"},
    {"ipv6", "^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$"},
    {"uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    {"uri", "^https?://" FABULA_LABEL "(\\." FABULA_LABEL "){0,4}(/[A-Za-z0-9_.~-]{0,40}){0,8}$"},
};

#undef FABULA_DATE
#undef FABULA_TIME
#undef FABULA_LABEL
#undef FABULA_OCTET
#undef FABULA_COUNT

}  // namespace

std::string_view format_pattern(std::string_view format) {
  for (const Format& row : formats)
    if (row.name == format) return row.pattern;
  return {};
}

}  // namespace fabula::grammar
