// A Python program beside the test: started, asked for its first line (a port, as a rule), ended with the test.
#pragma once

#include <string>
#include <vector>

namespace fabula::test {

class PythonProgram {
 public:
  // Waits for its first line on stdout. Fails the test where there is none within 20 seconds.
  explicit PythonProgram(const std::vector<std::string>& arguments);
  ~PythonProgram();  // SIGKILL
  PythonProgram(const PythonProgram&) = delete;
  PythonProgram& operator=(const PythonProgram&) = delete;

  const std::string& first_line() const { return first_line_; }

 private:
  int process_ = -1;
  std::string first_line_;
};

}  // namespace fabula::test
