// How fast a text becomes ids: tokenizer_bench TOKENIZER.json TEXT [repeats]. Speed in MB (1e6 bytes) per
// second of one core's own time, best and median, so that a busy machine does not count. tokenizer_bench.py
// runs it beside Hugging Face's tokenizers.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/text/tokenizer.h"

namespace {

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "tokenizer_bench TOKENIZER.json TEXT [repeats]\n");
    return 2;
  }
  const int repeats = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
  const double before = cpu_seconds();
  const auto made = fabula::text::make_tokenizer_from_hf_json(read(argv[1]), "");
  const double load_seconds = cpu_seconds() - before;
  if (!made.ok()) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  const std::string text = read(argv[2]);
  std::vector<double> seconds;
  size_t tokens = 0;
  for (int i = 0; i < repeats; ++i) {
    const double begin = cpu_seconds();
    tokens = (*made)->encode(text).size();
    seconds.push_back(cpu_seconds() - begin);
  }
  std::sort(seconds.begin(), seconds.end());
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  std::printf(
      "{\"tokens\":%zu,\"megabytes\":%.3f,\"load_seconds\":%.3f,\"best_mb_per_s\":%.2f,\"median_mb_per_s\":%."
      "2f}\n",
      tokens, megabytes, load_seconds, megabytes / seconds.front(), megabytes / seconds[seconds.size() / 2]);
  return 0;
}
