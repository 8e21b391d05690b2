#include "app/cli/commands.h"

namespace fabula::cli {

namespace {

struct Row {
  const char* name;
  const char* what;
  void (*add)(CLI::App&, App&);
};

constexpr Row table[] = {
    {"inspect", "What a model file holds", add_inspect},
    {"tokenize", "Text to token ids", add_tokenize},
    {"detokenize", "Token ids to text", add_detokenize},
    {"render", "Messages through a chat template", add_render},
    {"generate", "Continue a text, or answer one message", add_generate},
    {"logits", "Raw logits of every position of a prompt, float32", add_logits},
    {"score", "Negative log-likelihood and perplexity of a text", add_score},
    {"bench", "Speed, beside the limits of this machine", add_bench},
    {"chat", "Talk with a model in the terminal", add_chat},
    {"serve", "The HTTP API without a window", add_serve},
    {"sessions", "List, show, roll back, export sessions", add_sessions},
    {"models", "List the models at hand, quantise one", add_models},
    {"completion", "Completions for a shell: source <(fabula-cli completion bash)", add_completion},
    {"man", "The manual page", add_man},
};

}  // namespace

void add_all(CLI::App& root, App& app) {
  for (const Row& row : table) row.add(*root.add_subcommand(row.name, row.what), app);
}

}  // namespace fabula::cli
