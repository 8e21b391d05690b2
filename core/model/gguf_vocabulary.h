// tokenizer.ggml.* of a GGUF file, as the text room takes it.
#pragma once

#include "core/base/result.h"
#include "core/formats/gguf.h"
#include "core/text/tokenizer.h"

namespace fabula::model {

// Errors: corrupt (a key of the wrong type or length), not_found (the file has no vocabulary).
Result<text::VocabSpec> read_gguf_vocabulary(const formats::GgufMetadata& metadata);

}  // namespace fabula::model
