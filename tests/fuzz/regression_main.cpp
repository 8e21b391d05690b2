// Runs a fuzz target once over every file of its corpus: what libFuzzer's own main() does with file names,
// for builds without it. Arguments: files or folders, below FABULA_TESTDATA where they are not absolute.
// Files that end in .xz are unpacked.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fs = std::filesystem;

namespace {

std::string unpack(const fs::path& path) {
  std::string bytes;
  const std::string command = "xz -dc '" + path.string() + "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[65536];
  for (size_t n = 0; pipe && (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) bytes.append(buffer, n);
  if (pipe) ::pclose(pipe);
  return bytes;
}

std::string read(const fs::path& path) {
  if (path.extension() == ".xz") return unpack(path);
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void run(const fs::path& path) {
  const std::string bytes = read(path);
  // A copy of exactly this size, so that a sanitizer sees the first byte read beyond it.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  const char* root = std::getenv("FABULA_TESTDATA");
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const fs::path path = fs::path(argv[i]).is_absolute()
                              ? fs::path(argv[i])
                              : fs::path(root && *root ? root : "/nonexistent") / argv[i];
    if (fs::is_regular_file(path)) {
      run(path);
      ++files;
    } else if (fs::is_directory(path)) {
      for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (!entry.is_regular_file()) continue;
        run(entry.path());
        ++files;
      }
    } else {
      std::printf("skipped: %s is not there\n", path.c_str());
    }
  }
  std::printf("%zu file(s)\n", files);
  return 0;
}
