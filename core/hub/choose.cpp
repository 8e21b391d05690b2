#include <algorithm>
#include <array>
#include <map>

#include "core/hub/hub.h"

namespace fabula::hub {

namespace {

// A GGUF model of a repository: one file, or all parts of a split one in order.
struct Variant {
  std::string stem;            // without "-00001-of-0000N" and ".gguf"
  std::string quantisation;    // upper case; "" where the name tells none
  uint64_t bytes = 0;
  std::vector<RepositoryFile> parts;
};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

bool digits(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

// "Q4_K_M", "IQ3_XXS", "BF16", "MXFP4", "TQ1_0": what names of files carry between dots and dashes.
bool is_quantisation(std::string_view word) {
  for (const std::string_view plain : {"F32", "F16", "BF16", "FP16", "FP32", "MXFP4"})
    if (word.starts_with(plain) && (word.size() == plain.size() || word[plain.size()] == '_')) return true;
  for (const std::string_view prefix : {"Q", "IQ", "TQ"})
    if (word.starts_with(prefix) && word.size() > prefix.size() + 1 && digits(word.substr(prefix.size(), 1)) && word[prefix.size() + 1] == '_')
      return true;
  return false;
}

std::string quantisation_in(const std::string& stem) {
  const std::string name = upper(stem.substr(stem.rfind('/') + 1));
  std::string found;
  size_t at = 0;
  while (at <= name.size()) {
    const size_t end = std::min(name.find_first_of("-.", at), name.size());
    if (is_quantisation(std::string_view(name).substr(at, end - at))) found = name.substr(at, end - at);  // the last one
    at = end + 1;
  }
  return found;
}

std::string stem_of(const std::string& path) {
  std::string stem = path.substr(0, path.size() - 5);
  constexpr size_t tail = 15;  // -00001-of-00003
  if (stem.size() <= tail) return stem;
  const size_t at = stem.size() - tail;
  const bool split = stem[at] == '-' && digits(stem.substr(at + 1, 5)) && stem.compare(at + 6, 4, "-of-") == 0 && digits(stem.substr(at + 10));
  return split ? stem.substr(0, at) : stem;
}

std::vector<Variant> variants_of(const Repository& repository) {
  std::map<std::string, Variant> by_stem;
  for (const RepositoryFile& file : repository.files) {
    if (!file.path.ends_with(".gguf") || file.path.size() <= 5) continue;
    const std::string stem = stem_of(file.path);
    if (upper(stem.substr(stem.rfind('/') + 1)).starts_with("MMPROJ")) continue;  // a part for pictures, no model
    Variant& variant = by_stem[stem];
    variant.stem = stem;
    variant.quantisation = quantisation_in(stem);
    variant.bytes += file.bytes;
    variant.parts.push_back(file);
  }
  std::vector<Variant> variants;
  for (auto& [stem, variant] : by_stem) variants.push_back(std::move(variant));
  std::ranges::stable_sort(variants, {}, &Variant::bytes);
  return variants;
}

std::string listed(const std::vector<Variant>& variants) {
  std::string text;
  for (const Variant& variant : variants) {
    if (!text.empty()) text += ", ";
    text += variant.quantisation.empty() ? variant.parts.front().path : variant.quantisation;
  }
  return text;
}

Error not_offered(const Repository& repository, const std::string& selector, const std::vector<Variant>& variants) {
  Error error{ErrorCode::not_found, repository.id};
  error.message += " holds no \"";
  error.message += selector;
  error.message += variants.empty() ? "\": it has no GGUF file" : "\"; there are ";
  error.message += listed(variants);
  return error;
}

const Variant* choose(const std::vector<Variant>& variants, const std::string& selector) {
  if (variants.size() == 1 && selector.empty()) return &variants.front();
  if (!selector.empty()) {
    for (const Variant& variant : variants)
      for (const RepositoryFile& part : variant.parts)
        if (part.path == selector || part.path.substr(part.path.rfind('/') + 1) == selector) return &variant;
    for (const Variant& variant : variants)
      if (variant.quantisation == upper(selector)) return &variant;
    return nullptr;
  }
  // The usual compromise first, then what is next to it.
  for (const std::string_view wanted : {"Q4_K_M", "Q4_K_S", "Q5_K_M", "Q5_K_S", "Q4_1", "Q4_0", "IQ4_XS", "IQ4_NL", "Q6_K", "Q8_0", "Q3_K_M"})
    for (const Variant& variant : variants)
      if (variant.quantisation == wanted) return &variant;
  return variants.empty() ? nullptr : &variants.front();
}

bool is_weight_shard(std::string_view path) {
  if (!path.ends_with(".safetensors")) return false;
  if (path == "model.safetensors") return true;
  return path.starts_with("model-") && path.find("-of-") != std::string_view::npos;
}

constexpr std::array beside_weights{"model.safetensors.index.json", "generation_config.json", "tokenizer.json",    "tokenizer.model",
                                    "tokenizer_config.json",        "special_tokens_map.json", "added_tokens.json", "vocab.json",
                                    "merges.txt",                   "chat_template.jinja",     "chat_template.json", "README.md",
                                    "LICENSE",                      "LICENSE.txt",             "LICENSE.md"};

Result<std::vector<RepositoryFile>> choose_folder(const Repository& repository) {
  std::vector<RepositoryFile> chosen;
  const RepositoryFile* config = nullptr;
  bool sharded = false, weights = false;
  for (const RepositoryFile& file : repository.files) sharded = sharded || file.path == "model.safetensors.index.json";
  for (const RepositoryFile& file : repository.files) {
    if (file.path == "config.json") config = &file;
    const bool wanted_weights = is_weight_shard(file.path) && (file.path == "model.safetensors") != sharded;
    weights = weights || wanted_weights;
    if (wanted_weights || std::ranges::find(beside_weights, file.path) != beside_weights.end()) chosen.push_back(file);
  }
  if (!config || !weights)
    return Error{ErrorCode::not_found, repository.id + " holds neither a GGUF file nor a model in safetensors (config.json and model.safetensors)"};
  chosen.push_back(*config);
  return chosen;
}

}  // namespace

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > 512) return false;
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\' || c == ':') return false;
  size_t at = 0;
  while (at <= path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part.front() == '.' || part.size() > 255) return false;
    at = end + 1;
  }
  return true;
}

Result<PullName> parse_pull_name(std::string_view text) {
  PullName name;
  const size_t colon = text.find(':');
  name.repository = std::string(text.substr(0, colon));
  if (colon != std::string_view::npos) name.selector = std::string(text.substr(colon + 1));
  const size_t slash = name.repository.find('/');
  const auto sound = [](std::string_view part) {
    return !part.empty() && part.size() <= 96 && part.front() != '.' && part.find("..") == std::string_view::npos &&
           part.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string_view::npos;
  };
  const bool repository = slash != std::string::npos && sound(std::string_view(name.repository).substr(0, slash)) &&
                          sound(std::string_view(name.repository).substr(slash + 1));
  const bool selector = colon == std::string_view::npos || is_safe_path(name.selector);
  if (!repository || !selector)
    return Error{ErrorCode::invalid_argument,
                 std::string(text) + " names no repository; expected was org/name, org/name:Q4_K_M or org/name:file.gguf"};
  return name;
}

std::vector<Offer> offers(const Repository& repository) {
  std::vector<Offer> out;
  for (const Variant& variant : variants_of(repository))
    out.push_back({variant.quantisation.empty() ? variant.parts.front().path : variant.quantisation, variant.bytes});
  return out;
}

Result<std::vector<RepositoryFile>> choose_files(const Repository& repository, const std::string& selector) {
  const std::vector<Variant> variants = variants_of(repository);
  if (variants.empty() && selector.empty()) return choose_folder(repository);
  const Variant* variant = choose(variants, selector);
  if (!variant)
    return not_offered(repository, selector, variants);
  std::vector<RepositoryFile> chosen(variant->parts.begin() + 1, variant->parts.end());
  chosen.push_back(variant->parts.front());
  return chosen;
}

}  // namespace fabula::hub
