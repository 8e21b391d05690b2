#include "tests/core/net/test_program.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fabula::test {

PythonProgram::PythonProgram(const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>("python3")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  process_ = fork();
  REQUIRE(process_ >= 0);
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // it must not outlive a test that crashed
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  pollfd waiting{ends[0], POLLIN, 0};
  for (char c = 0; c != '\n';) {
    if (poll(&waiting, 1, 20000) != 1 || read(ends[0], &c, 1) != 1) break;
    if (c != '\n') first_line_ += c;
  }
  close(ends[0]);
  REQUIRE_MESSAGE(!first_line_.empty(), "the program beside the test did not start: " << arguments[0]);
}

PythonProgram::~PythonProgram() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

}  // namespace fabula::test
