#include "app/gui/desktop.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace fabula::gui {
namespace {

// No shell between: the words stay words. Nobody waits for the program's end but a thread of its own, for a notice server may
// take its time.
void run_program(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return;
  std::thread([child] { waitpid(child, nullptr, 0); }).detach();
}

}  // namespace

void open_in_browser(const std::string& link) {
  if (link.starts_with("https://") || link.starts_with("http://")) run_program({"xdg-open", link});
}

void show_desktop_notice(const std::string& title, const std::string& words) {
  run_program({"notify-send", "--app-name=Fabula", "--icon=fabula", "--", title, words});
}

}  // namespace fabula::gui
