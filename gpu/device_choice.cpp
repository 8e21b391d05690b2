#include <charconv>

#include "gpu/devices.h"

namespace fabula::gpu {

namespace {
constexpr const char* go_on_without = "; the device \"cpu\" (--device cpu) goes on without one";
}

Result<DeviceChoice> choose_device(std::string_view name) {
  if (name == "cpu") return DeviceChoice{};
  if (name == "auto") return DeviceChoice{list_devices().ok(), 0};
  DeviceChoice choice{true, 0};
  const bool numbered = name.starts_with("cuda:");
  const char* const end = name.data() + name.size();
  const auto parsed = numbered ? std::from_chars(name.data() + 5, end, choice.index) : std::from_chars_result{end, std::errc{}};
  if ((name != "cuda" && !numbered) || parsed.ec != std::errc{} || parsed.ptr != end || choice.index < 0)
    return Error{ErrorCode::invalid_argument, "there is no device called " + std::string(name) + ": auto, cpu, cuda or cuda:0, cuda:1 and so on"};
  const auto devices = list_devices();
  if (!devices.ok()) return Error{devices.error().code, devices.error().message + go_on_without};
  if (choice.index >= static_cast<int>(devices->size()))
    return Error{ErrorCode::no_device, "there is no GPU cuda:" + std::to_string(choice.index) + ", this machine has " +
                                           std::to_string(devices->size()) + go_on_without};
  return choice;
}

}  // namespace fabula::gpu
