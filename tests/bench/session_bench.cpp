// Sessions: rolling back, views of long sessions, search. Prints medians and maxima; beside each change also
// the time that its durable commit takes on the disk of the temporary folder.
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <numeric>
#include <random>

#include "core/base/clock.h"
#include "core/model/model.h"
#include "core/session/context_fit.h"
#include "core/session/document.h"
#include "core/session/store.h"

using namespace fabula;
using namespace fabula::session;

namespace {

class Folder {
 public:
  explicit Folder(const std::filesystem::path& below) {
    std::string name = (below / "fabula-bench-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path database() const { return path_ / "fabula.db"; }

 private:
  std::filesystem::path path_;
};

void print_times(const char* what, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  std::printf("%-58s median %9.3f ms   max %9.3f ms\n", what, seconds[seconds.size() / 2] * 1e3,
              seconds.back() * 1e3);
}

std::vector<double> measure(int times, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < times; ++i) {
    const double start = monotonic_seconds();
    work();
    seconds.push_back(monotonic_seconds() - start);
  }
  return seconds;
}

std::string words(std::mt19937_64& random, int count) {
  static constexpr const char* some[] = {"the",    "dragon", "walked", "over",   "a",    "hill",
                                         "and",    "saw",    "river",  "castle", "rain", "story",
                                         "little", "girl",   "北京",   "大学",   "下雨", "花园"};
  std::string out;
  for (int i = 0; i < count; ++i) {
    // Squared, so that some words are common and some rare.
    const double u = static_cast<double>(random() % 10'000) / 10'000.0;
    out += some[static_cast<size_t>(u * u * 18)];
    if (random() % 500 == 0) out += std::to_string(random() % 100'000);
    out += ' ';
  }
  return out;
}

// A session written through an import: one transaction.
Document long_document(int messages, std::mt19937_64& random, int words_each) {
  Document document;
  document.info.id = make_uuid_v7();
  document.info.title = std::string("bench");
  document.info.created_at = document.info.updated_at = unix_milliseconds();
  std::string parent;
  for (int i = 0; i < messages; ++i) {
    Message message;
    message.id = make_uuid_v7();
    message.parent = parent;
    message.role = i % 2 ? Role::assistant : Role::user;
    // Two words that are frequent and never stand in one message: the worst that can be asked for.
    message.text = (i % 2 ? "replied " : "asked ") + words(random, words_each);
    message.tokens.assign(static_cast<size_t>(words_each), 7);
    message.tokenizer = std::string("t");
    message.created_at = unix_milliseconds();
    if (i % 2) message.receipt.emplace();
    parent = message.id;
    document.messages.push_back(std::make_shared<const Message>(std::move(message)));
  }
  document.current = parent;
  return document;
}

void bench_rollback(const std::filesystem::path& below, const char* where) {
  std::mt19937_64 random(1);
  Folder folder(below);
  auto store = Store::open(folder.database());
  if (!store.ok()) return void(std::printf("%s\n", store.error().message.c_str()));
  const Document document = long_document(1000, random, 60);
  const auto ids = (*store)->import_documents({document});
  if (!ids.ok()) return void(std::printf("%s\n", ids.error().message.c_str()));
  const std::string& id = ids->front();
  std::vector<double> seconds = measure(200, [&] {
    (void)(*store)->set_current(id, document.messages[random() % document.messages.size()]->id);
    (void)(*store)->view(id);
  });
  char what[128];
  std::snprintf(what, sizeof what, "rollback to any of 1,000 messages, %s", where);
  print_times(what, std::move(seconds));
}

void bench_long_session(const std::filesystem::path& memory) {
  std::mt19937_64 random(2);
  Folder folder(memory);
  const Document document = long_document(10'000, random, 60);
  std::string id;
  {
    auto store = Store::open(folder.database());
    if (!store.ok()) return;
    const auto imported = (*store)->import_documents({document});
    if (!imported.ok()) return;
    id = imported->front();
  }
  auto store = Store::open(folder.database());
  if (!store.ok()) return;
  print_times("10,000 messages: first view after a start", measure(1, [&] { (void)(*store)->view(id); }));
  print_times("10,000 messages: a new snapshot", measure(200, [&] { (void)(*store)->view(id); }));
  std::string parent = document.current;
  print_times("10,000 messages: append and snapshot", measure(100, [&] {
                Message message;
                message.id = make_uuid_v7();
                message.parent = parent;
                message.text = std::string("more");
                parent = message.id;
                (void)(*store)->append(id, message);
                (void)(*store)->view(id);
              }));
}

void bench_search(const std::filesystem::path& memory, int messages) {
  std::mt19937_64 random(3);
  Folder folder(memory);
  auto store = Store::open(folder.database());
  if (!store.ok()) return;
  const double start = monotonic_seconds();
  for (int written = 0; written < messages; written += 1000)
    if (!(*store)->import_documents({long_document(std::min(1000, messages - written), random, 60)}).ok())
      return;
  std::printf("%d messages of 60 words written and indexed in %.1f s, database %.1f MB\n", messages,
              monotonic_seconds() - start,
              static_cast<double>(std::filesystem::file_size(folder.database())) / 1e6);
  for (const char* query :
       {"the", "dragon castle", "花园", "大学 下雨", "gir", "zzz", "the dragon walked over a hill", "dragon cast", "asked replied"}) {
    size_t hits = 0;
    std::vector<double> seconds = measure(20, [&] {
      const auto found = (*store)->search(query);
      hits = found.ok() ? found->size() : 0;
    });
    char what[128];
    std::snprintf(what, sizeof what, "search \"%s\", %zu hits shown", query, hits);
    print_times(what, std::move(seconds));
  }
  const auto purge = (*store)->list().front().id;
  print_times("purge of one session of 1,000 messages", measure(1, [&] { (void)(*store)->purge(purge); }));
  std::vector<double> steps;
  for (bool more = true; more;)
    steps.push_back(measure(1, [&] {
      const auto tidied = (*store)->tidy();
      more = tidied.ok() && *tidied;
    })[0]);
  std::printf("%zu steps of tidying, %.1f s\n", steps.size(), std::accumulate(steps.begin(), steps.end(), 0.0));
  print_times("a step of tidying the index", std::move(steps));
}

std::shared_ptr<const Message> said(Role role, std::string text, const text::Tokenizer& tokenizer) {
  Message message;
  message.role = role;
  message.text = std::move(text);
  if (role == Role::assistant) {
    message.tokens = tokenizer.encode(message.text, {false, false});
    message.tokenizer = tokenizer.fingerprint();
    message.finish_reason = "stop";
  }
  return std::make_shared<const Message>(std::move(message));
}

// What stands in front of each reply of a chat that has long outgrown its context.
void bench_prompt(const char* model_path, int count) {
  const auto opened = model::open_model(model_path);
  if (!opened.ok() || !(*opened)->chat_template) return (void)std::printf("FABULA_CHAT_MODEL names no model that chats\n");
  const model::Model& model = **opened;
  std::mt19937_64 random(3);
  MessagePath path;
  for (int i = 0; i < count; ++i) path.push_back(said(i % 2 ? Role::assistant : Role::user, words(random, 50), *model.tokenizer));
  path.push_back(said(Role::user, "And now?", *model.tokenizer));
  int rendered = 0;
  const auto fit = [&] {
    const auto context = fit_chat(path, 2000, [&](size_t first) {
      ++rendered;
      return chat_context(model, "", MessagePath(path.begin() + static_cast<std::ptrdiff_t>(first), path.end()), 0);
    });
    if (!context.ok()) std::printf("%s\n", context.error().message.c_str());
  };
  const std::string label = "prompt of 2,000 tokens out of " + std::to_string(count) + " messages";
  const auto times = measure(5, fit);
  print_times(label.c_str(), times);
  std::printf("  %d renderings for each\n", rendered / 5);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path disk = std::filesystem::temp_directory_path();
  const std::filesystem::path memory = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : disk;
  bench_rollback(memory, "in memory");
  bench_rollback(disk, "durable on disk");
  bench_long_session(memory);
  bench_search(memory, argc > 1 ? std::atoi(argv[1]) : 100'000);
  if (const char* model = std::getenv("FABULA_CHAT_MODEL"))
    for (int messages : {100, 1000, 10'000}) bench_prompt(model, messages);
}
