// Decoders of single blocks, shared by the files that hold the families of block types. Inside core/formats only.
#pragma once

#include <cstdint>

namespace fabula::formats {

// in: one block; out: block_elements floats.
using BlockDecoder = void (*)(const uint8_t* in, float* out);

}  // namespace fabula::formats
