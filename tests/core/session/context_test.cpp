// Prompts of whole conversations under templates that treat history in their own ways.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/session/context.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

std::shared_ptr<model::Model> model_with(const char* source) {
  const auto opened =
      model::open_model(*fabula::test::testdata_file("models/stories260k/generated/stories260K-F16.gguf"));
  REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : opened.error().message));
  auto copy = std::make_shared<model::Model>(**opened);
  auto parsed = text::ChatTemplate::parse(source);
  REQUIRE(parsed.ok());
  copy->chat_template = std::make_shared<const text::ChatTemplate>(*std::move(parsed));
  return copy;
}

class Talk {
 public:
  explicit Talk(std::shared_ptr<model::Model> model) : model_(std::move(model)) {}

  std::vector<int32_t> ask(std::string words) {
    Message message = make_message(Role::user, std::move(words), path_.empty() ? "" : path_.back()->id);
    path_.push_back(std::make_shared<const Message>(message));
    const auto context = chat_context(*model_, "", path_, 0);
    require_ok(context);
    last_tokens = context->last_tokens;
    return context->tokens;
  }
  // As a model writes it: ids of its own, an end token where it has one.
  std::vector<int32_t> answer(std::vector<int32_t> ids, std::span<const int32_t> prompt) {
    Message message = make_message(Role::assistant, "", path_.back()->id);
    message.tokens = ids;
    message.tokenizer = model_->tokenizer->fingerprint();
    if (ids.back() == 2) ids.pop_back();
    message.text = decode_continuing(model_->tokenizer, prompt, ids);
    path_.push_back(std::make_shared<const Message>(message));
    return message.tokens;
  }
  const std::string& last_text() const { return path_.back()->text; }
  std::vector<int32_t> ids(std::string_view text) { return model_->tokenizer->encode(text, {false, false}); }

  int32_t token(std::string_view text) { return model_->tokenizer->find_or_negative(text); }

  std::vector<int32_t> last_tokens;

 private:
  std::shared_ptr<model::Model> model_;
  MessagePath path_;
};

bool starts_with(const std::vector<int32_t>& whole, const std::vector<int32_t>& begin) {
  return whole.size() >= begin.size() && std::equal(begin.begin(), begin.end(), whole.begin());
}

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("a template that writes the space before a reply itself does not double it") {
  FABULA_REQUIRE_TESTDATA();
  Talk talk(model_with(
      "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[I] {{ m['content'] | trim }} [/I]"
      "{% else %} {{ m['content'] | trim }}{{ eos_token }}{% endif %}{% endfor %}"));
  const auto first = talk.ask("Hello");
  const auto reply =
      talk.answer(joined(talk.ids("Once there was"), {2}), first);  // begins with the tokenizer's space
  CHECK(talk.last_text() == " Once there was");
  const auto second = talk.ask("And?");
  CHECK(starts_with(second, joined(first, reply)));
}

TEST_CASE("ids that the tokenizer would not choose stay as the model wrote them") {
  FABULA_REQUIRE_TESTDATA();
  Talk talk(
      model_with("{{ bos_token }}{% for m in messages %}{{ m['role'] }}:\n{{ m['content'] }}{{ eos_token "
                 "}}{% endfor %}{{ 'assistant:\n' }}"));
  const auto first = talk.ask("Hello");
  // Letter by letter where the vocabulary has the whole word.
  std::vector<int32_t> letters;
  for (const char* letter : {"O", "n", "c", "e"}) letters.push_back(talk.token(letter));
  REQUIRE(talk.ids("Once") != letters);
  const auto reply = talk.answer(letters, first);  // cut off: no end token
  CHECK(talk.last_text() == "Once");
  const auto second = talk.ask("Go on");
  CHECK(starts_with(second, joined(joined(first, letters), {2})));
  CHECK(std::search(second.begin(), second.end(), talk.last_tokens.begin(), talk.last_tokens.end()) !=
        second.end());
}

TEST_CASE("a session's templates show the day it was created on, whatever the day is now") {
  FABULA_REQUIRE_TESTDATA();
  const auto model = model_with(
      "Today is {{ strftime_now('%d %b %Y %H:%M') }}.{% for m in messages %}{{ m['content'] }}{% endfor %}");
  const auto asked = [&](int64_t created_at, std::vector<std::string> words) {
    MessagePath path;
    for (std::string& text : words)
      path.push_back(std::make_shared<const Message>(make_message(Role::user, std::move(text))));
    const auto context = chat_context(*model, "", path, created_at);
    require_ok(context);
    return context->tokens;
  };
  constexpr int64_t pi_day = 1'741'964'966'000;  // 2025-03-14T15:09:26Z
  const auto tokens = asked(pi_day, {" Hello."});
  CHECK(model->tokenizer->decode(tokens, false).find("Today is 14 Mar 2025 15:09. Hello.") != std::string::npos);
  CHECK(asked(pi_day + 86'400'000, {" Hello."}) != tokens);
  // So that what was read once is the head of all that follows.
  CHECK(starts_with(asked(pi_day, {" Hello.", " More."}), tokens));
}

TEST_CASE("where a template rewrites a reply, its version is read and the rest keeps its ids") {
  FABULA_REQUIRE_TESTDATA();
  // Old reasoning is dropped.
  Talk talk(
      model_with("{{ bos_token }}{% for m in messages %}{{ m['role'] }}:\n{{ m['content'].split('|')[-1] "
                 "}}{{ eos_token }}"
                 "{% endfor %}{{ 'assistant:\n' }}"));
  const auto first = talk.ask("Hello");
  talk.answer(joined(talk.ids("think|said"), {2}), first);
  const auto second = talk.ask("And?");
  CHECK_FALSE(starts_with(second, joined(first, talk.ids("think|said"))));
  CHECK(starts_with(second, first));
  CHECK(std::count(second.begin(), second.end(), 2) == 3);
  const auto bar = talk.ids("|").back();
  CHECK(std::count(second.begin(), second.end(), bar) == 0);
}

TEST_CASE("edited words keep the ids up to where they differ") {
  FABULA_REQUIRE_TESTDATA();
  const auto model = model_with("x");
  const text::Tokenizer& tokenizer = *model->tokenizer;
  Message old = make_message(Role::user, "Once upon a time there was a dog");
  old.tokens = tokenizer.encode(old.text, {false, false});
  old.tokenizer = tokenizer.fingerprint();
  const std::string edited = "Once upon a time there was a cat named Tom";
  CHECK(encode_edited(tokenizer, edited, old, true) == tokenizer.encode(edited, {false, false}));
  CHECK(encode_edited(tokenizer, old.text, old, true) == old.tokens);
  CHECK(encode_edited(tokenizer, "", old, true).empty());
  CHECK(encode_edited(tokenizer, "</s>", old, true).size() > 1);  // never a special token
  // What comes behind the change keeps its ids, also those that the tokenizer would not have chosen.
  Message odd = old;
  odd.tokens = joined(tokenizer.encode("Once upon a time there was", {false, false}), encode_continuing(tokenizer, " a", {}));
  for (const char* letter : {" ", "d", "o", "g"}) odd.tokens = joined(odd.tokens, encode_continuing(tokenizer, letter, {}));
  const auto changed = encode_edited(tokenizer, "Once upon a day there was a dog", odd, true);
  const auto dog = std::vector<int32_t>(odd.tokens.end() - 4, odd.tokens.end());
  CHECK(std::vector<int32_t>(changed.end() - 4, changed.end()) == dog);
  CHECK(decode_continuing(model->tokenizer, {}, changed) == "Once upon a day there was a dog");
  CHECK(encode_edited(tokenizer, " dog", odd, false) == dog);
  // Words in the middle of a page get no space of their own.
  const auto middle = encode_continuing(tokenizer, "there", {});
  CHECK(decode_continuing(model->tokenizer, old.tokens, middle) == "there");
}

TEST_CASE("memory stands in front of a page and the note between its paragraphs; the page keeps its ids") {
  FABULA_REQUIRE_TESTDATA();
  const auto model = model_with("x");
  const text::Tokenizer& tokenizer = *model->tokenizer;
  MessagePath path;
  for (const char* words : {"One day\nTom ran.", "\nHe fell.\nHe got", " up.\n\nThe end."}) {
    Message message = make_message(path.size() == 1 ? Role::assistant : Role::user, words);
    message.tokens = path.empty() ? tokenizer.encode(words, {false, false}) : encode_continuing(tokenizer, words, {});
    message.tokenizer = tokenizer.fingerprint();
    path.push_back(std::make_shared<const Message>(message));
  }
  const auto none = [](const Message&) { return std::vector<int32_t>(); };
  const auto page = story_context(*model, path, none).tokens;
  const auto words_of = [&](const StoryNotes& notes) {
    const auto context = story_context(*model, path, none, notes);
    CHECK(context.last_tokens == path.back()->tokens);
    // Without what was put in, the page is there id by id.
    size_t found = 0;
    for (int32_t id : context.tokens) found += found < page.size() && id == page[found] ? 1 : 0;
    CHECK(found == page.size());
    const std::string words = decode_continuing(model->tokenizer, {}, context.tokens);
    return words.starts_with(' ') ? words.substr(1) : words;  // SentencePiece begins a text with a space
  };
  CHECK(words_of({"Tom is a cat.", "", 0}) == "Tom is a cat.\n One day\nTom ran.\nHe fell.\nHe got up.\n\nThe end.");
  CHECK(words_of({"", "[sad]", 1}).ends_with("He got up.\n\n[sad]\nThe end."));
  CHECK(words_of({"", "[sad]", 2}).ends_with("He fell.\n[sad]\nHe got up.\n\nThe end."));
  CHECK(words_of({"", "[sad]", 4}).starts_with("One day\n[sad]\nTom ran.\n"));
  CHECK(words_of({"", "[sad]", 40}).find("[sad]\n") == 0);
  CHECK(words_of({"", "[sad]", 0}).ends_with("The end.\n[sad]\n"));
}

TEST_CASE("a receipt gives its prompt back, and notices when it cannot") {
  Message first = make_message(Role::assistant, "a", "", {10, 11});
  first.receipt.emplace();
  std::vector<std::shared_ptr<const Message>> path;
  const FindMessage find = [&](const std::string& id) -> const Message* {
    for (const auto& message : path)
      if (message->id == id) return message.get();
    return nullptr;
  };
  const std::vector<int32_t> prompt_1{1, 2, 3}, prompt_2{1, 2, 3, 10, 11, 4, 5}, prompt_3{1, 2, 9};
  describe_prompt(*first.receipt, prompt_1, path, find);
  CHECK(first.receipt->prompt == prompt_1);
  path.push_back(std::make_shared<const Message>(first));
  Receipt second, third;
  describe_prompt(second, prompt_2, path, find);
  CHECK(second.prompt_base == first.id);
  CHECK(second.prompt == std::vector<int32_t>{4, 5});
  describe_prompt(third, prompt_3, path, find);
  CHECK(third.prompt == std::vector<int32_t>{9});
  CHECK(*prompt_of(second, find) == prompt_2);
  CHECK(*prompt_of(third, find) == prompt_3);
  second.prompt[0] = 7;
  CHECK(prompt_of(second, find).error().code == ErrorCode::corrupt);
  third.prompt_keep = 99;
  CHECK(prompt_of(third, find).error().code == ErrorCode::corrupt);
  path.clear();
  CHECK(prompt_of(third, find).error().code == ErrorCode::not_found);
}
