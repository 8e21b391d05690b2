// The tokenizer.ggml.* keys of a GGUF file, read for the tests of this room alone (core/formats stands above
// it).
#pragma once

#include <filesystem>

#include "core/text/tokenizer.h"

namespace fabula::test {

text::VocabSpec read_vocab_file(const std::filesystem::path& path);  // fails the test where it cannot

}  // namespace fabula::test
