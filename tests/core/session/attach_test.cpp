// A host and processes attached to it, over the real socket (here from one process): they see the same live
// sessions, and nothing that arrives on the socket harms the host.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "core/base/build_info.h"
#include "core/session/attached_service.h"
#include "core/session/wire.h"
#include "core/session/wire_types.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/guests.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

// Bytes of our own choosing on the socket.
class RawPeer {
 public:
  explicit RawPeer(const std::filesystem::path& folder) {
    auto socket = connect_in(folder);
    REQUIRE(socket.ok());
    socket_ = *std::move(socket);
  }
  void send(const std::string& bytes) {
    (void)!::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void send_frame(const std::string& text) {
    std::string bytes;
    for (size_t i = 0; i < 4; ++i) bytes += static_cast<char>(text.size() >> (8 * i));
    send(bytes + text);
  }
  // All that comes until the host closes the connection.
  std::string read_to_end() {
    std::string out;
    char buffer[4096];
    for (;;) {
      pollfd polled = {socket_.get(), POLLIN, 0};
      REQUIRE(::poll(&polled, 1, 20'000) == 1);
      const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (count <= 0) return out;
      out.append(buffer, static_cast<size_t>(count));
    }
  }

 private:
  Descriptor socket_;
};

std::string hello(const std::string& of_version, const std::string& of_protocol) {
  return Json({{"kind", "hello"}, {"version", of_version}, {"protocol", of_protocol}, {"program", "raw"}}).dump();
}

}  // namespace

TEST_CASE("a session is read without being opened, on either side") {
  ScratchFolder folder;
  const auto host = open_in(folder.path()), guest = open_in(folder.path());
  const std::string id = wait(host->create(Mode::chat, "Read")).id;
  for (Service* service : {host.get(), guest.get()}) {
    CHECK(wait(service->read_session(id))->info.title == "Read");
    CHECK(service->view_or_null(id) == nullptr);
    CHECK(wait_error(service->read_session("none")).code == ErrorCode::not_found);
  }
  wait(guest->open_session(id));
  wait(host->read_session(id));
  CHECK(soon([&] { return guest->view_or_null(id) != nullptr; }));  // who looks goes on looking
}

TEST_CASE("who comes second attaches and sees what the others do") {
  ScratchFolder folder;
  const auto host = open_in(folder.path());
  CHECK(host->host_name().empty());
  const std::string early = wait(host->create(Mode::chat, "Early")).id;
  const auto a = open_in(folder.path()), b = open_in(folder.path());
  CHECK(a->host_name() == "test (process " + std::to_string(::getpid()) + ")");
  REQUIRE(a->sessions()->size() == 1);  // with the first snapshots, before open() returns
  CHECK(*a->sessions() == *host->sessions());

  const std::string id = wait(a->create(Mode::story, "Tale", "Be brief.")).id;
  REQUIRE(a->sessions()->size() == 2);  // an answer stands behind its effect
  CHECK(soon([&] { return b->sessions()->size() == 2; }));
  CHECK(host->sessions()->size() == 2);
  CHECK(wait(b->open_session(id)).system == "Be brief.");
  wait(host->open_session(id));
  wait(a->rename(id, "Another tale"));
  CHECK(soon([&] { return b->view_or_null(id)->info.title == "Another tale"; }));
  wait(b->set_pinned(id, true));
  CHECK(host->view_or_null(id)->info.pinned);
  a->set_draft(id, "half a \xE2\x80\x9Csentence");
  CHECK(soon([&] { return b->view_or_null(id)->draft == "half a \xE2\x80\x9Csentence"; }));
  CHECK(wait(b->undo(id)));
  CHECK(host->view_or_null(id)->info.title == "Tale");
  // Settings come as they went.
  SessionSettings settings = Desk::seeded(33);
  settings.stop = {"\n", "\"end\""};
  settings.sampler.logit_bias = {{5, -2.5f}};
  wait(b->set_settings(id, settings));
  const SessionSettings read = wait(a->open_session(id)).settings;
  CHECK(read.sampler == settings.sampler);
  CHECK(read.seed == settings.seed);
  CHECK(read.max_tokens == 33);
  CHECK(read.stop == settings.stop);

  // One viewer that closes its view takes it from nobody else.
  b->close_session(id);
  CHECK(b->view_or_null(id) == nullptr);
  wait(a->rename(id, "Third"));
  CHECK(a->view_or_null(id)->info.title == "Third");
  CHECK(host->view_or_null(id)->info.title == "Third");
  CHECK(wait(b->open_session(id)).info.title == "Third");

  wait(a->remove(early));
  CHECK(soon([&] { return b->trash()->size() == 1 && b->sessions()->size() == 1; }));
  CHECK(wait_error(b->open_session("no such")).code == ErrorCode::not_found);
  CHECK(wait_error(b->send(id, "x")).code == ErrorCode::unsupported);
  CHECK(wait(a->search("Early", 5)).empty());
  // Documents keep the order of their fields, and come back equal.
  const OrderedJson exported = wait(b->export_session(id));
  CHECK(dump_json(exported) == dump_json(wait(host->export_session(id))));
  CHECK(exported.begin().key() == "format");
  wait(a->purge(id));
  CHECK(soon([&] { return b->view_or_null(id) == nullptr; }));
  CHECK(wait(b->import_session(dump_json(exported))) == id);
}

TEST_CASE("a reply is the same live for everybody, whoever asked for it") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const auto a = open_in(folder.path()), b = open_in(folder.path());
  CHECK(b->model_state(Mode::chat).phase == ModelState::Phase::ready);
  CHECK(b->model_state(Mode::chat).name == desk->model_state(Mode::chat).name);
  // The model that is loaded is shared: loading it again changes nothing.
  engine::ModelLoad same;
  same.path = *fabula::test::testdata_file(model_file);
  same.threads = 1;
  same.context = 512;
  CHECK(wait(a->load_model(Mode::chat, same)).id == desk->model_state(Mode::chat).id);

  const std::string id = wait(a->create(Mode::chat)).id;
  wait(a->set_settings(id, Desk::seeded(200)));
  wait(b->open_session(id));
  std::mutex mutex;
  std::string heard;
  const uint64_t follower = b->follow([&](const std::string& session, const std::string&, std::string_view piece) {
    const std::lock_guard lock(mutex);
    if (session == id) heard += piece;
  });
  wait(b->set_pinned(id, true));  // the follower is known to the host now
  auto answer = a->send(id, "Tell me a story.");
  const bool seen_live = soon([&] {
    const auto live = b->live_or_null(id);
    return (live && live->started) || b->view_or_null(id)->path.size() == 2;
  });
  CHECK(seen_live);
  const Message reply = wait(std::move(answer));
  CHECK(soon([&] { return b->live_or_null(id) == nullptr && b->view_or_null(id)->path.back()->text == reply.text; }));
  const auto own = desk.view(id).path.back();
  CHECK(own->tokens == reply.tokens);
  CHECK(own->text == reply.text);
  CHECK(b->view_or_null(id)->path.back()->tokens == reply.tokens);
  CHECK(b->view_or_null(id)->path.back()->receipt->seed == reply.receipt->seed);
  CHECK(soon([&] {
    const std::lock_guard lock(mutex);
    return heard == reply.text;
  }));
  b->unfollow(follower);
  // Stopped by the other one.
  wait(a->set_settings(id, Desk::seeded(480)));
  auto second = a->continue_reply(id);
  b->cancel(id);
  CHECK(second.get().ok());
  CHECK(wait(b->replay(id)).different == 0);
  CHECK(wait(b->tree(id)).size() == desk.view(id).path.size());
  CHECK(soon([&] { return b->metrics().tokens_generated == desk->metrics().tokens_generated; }));
  // What an act would cost, as the host tells it; where a session stands.
  wait(b->set_labels(id, "Work", {"a", "b"}));
  CHECK(soon([&] { return !b->sessions()->empty() && b->view_or_null(id)->info.folder == "Work"; }));
  CHECK(desk.view(id).info.tags == std::vector<std::string>{"a", "b"});
  Act act;
  act.kind = Act::Kind::send;
  act.text = "And then?";
  const Outlook far = wait(b->outlook(id, act)), near = wait(desk->outlook(id, act));
  CHECK(far.prompt_tokens > 200);
  CHECK(far.prompt_tokens == near.prompt_tokens);
  CHECK(far.stored_tokens == near.stored_tokens);
  CHECK(far.context == 512);
  CHECK(far.fits == near.fits);
  CHECK(b->model_state(Mode::chat).switches == desk->model_state(Mode::chat).switches);
  // An edited page, in one command with a list of its own type.
  const std::string story = wait(b->create(Mode::story)).id;
  wait(b->set_settings(story, Desk::greedy()));
  wait(b->send(story, "Once upon a time"));
  const std::string leaf = wait(b->open_session(story)).current;
  CHECK(wait(b->edit_page(story, leaf, {{0, "Once", "Twice"}})));
  CHECK(b->view_or_null(story)->path.front()->text == "Twice upon a time");
}

TEST_CASE("when the host goes, its guests say so, and the next one to open is the host") {
  ScratchFolder folder;
  auto host = open_in(folder.path());
  const std::string id = wait(host->create(Mode::chat, "Kept")).id;
  std::atomic<int> wakes{0};
  Service::Options options = options_in(folder.path());
  options.wake = [&] { ++wakes; };
  auto guest = *Service::open(std::move(options));
  CHECK_FALSE(guest->is_lost());
  // Opening while the host is closing waits for it to let go.
  std::thread closing([&] { host.reset(); });
  CHECK(soon([&] { return guest->is_lost(); }));
  const Error error = wait_error(guest->rename(id, "x"));
  CHECK(error.code == ErrorCode::io);
  CHECK(error.message.find("has ended") != std::string::npos);
  CHECK(wakes > 0);
  const auto next = open_in(folder.path());
  closing.join();
  CHECK(next->host_name().empty());
  CHECK(next->sessions()->at(0).title == "Kept");
  guest.reset();
  CHECK(open_in(folder.path())->host_name() != "");
}

TEST_CASE("a window that is open is raised, nothing else is") {
  ScratchFolder folder;
  const Places places = places_below(folder.path());
  CHECK_FALSE(raise_running_window(places, "x"));
  CHECK_FALSE(std::filesystem::exists(places.data));
  {
    const auto no_window = open_in(folder.path());
    CHECK_FALSE(raise_running_window(places, "x"));
  }
  std::mutex mutex;
  std::string raised;
  Service::Options options = options_in(folder.path());
  options.raise = [&](const std::string& argument) {
    const std::lock_guard lock(mutex);
    raised = argument;
  };
  const auto window = *Service::open(std::move(options));
  CHECK(raise_running_window(places, "/a/file.gguf"));
  const std::lock_guard lock(mutex);
  CHECK(raised == "/a/file.gguf");
}

TEST_CASE("the API is opened by the host, for a guest for as long as it stays") {
  ScratchFolder folder;
  struct CountedListener final : Listener {
    explicit CountedListener(std::atomic<int>& n) : open(n) { ++open; }
    ~CountedListener() override { --open; }
    int port() const override { return 4711; }
    std::atomic<int>& open;
  };
  std::atomic<int> open{0};
  Service::Options options = options_in(folder.path());
  options.open_listener = [&](Service&, const ListenRequest& request, ListenLog log) -> Result<std::unique_ptr<Listener>> {
    if (request.port == 1) return Error{ErrorCode::io, "in use"};
    log("opened " + request.host + " " + request.allow_origins.at(0));
    return std::unique_ptr<Listener>(std::make_unique<CountedListener>(open));
  };
  const auto host = *Service::open(std::move(options));
  const ListenRequest request{"127.0.0.1", 0, "key", {"https://origin"}};
  {
    const auto guest = open_in(folder.path());
    std::mutex mutex;
    std::string logged;
    const ListenLog log = [&](const std::string& line) {
      const std::lock_guard lock(mutex);
      logged = line;
    };
    CHECK(wait_error(guest->listen({"127.0.0.1", 1, "", {}}, log)).message == "in use");
    CHECK(wait(guest->listen(request, log)) == 4711);
    CHECK(soon([&] {
      const std::lock_guard lock(mutex);
      return logged == "opened 127.0.0.1 https://origin";
    }));
    CHECK(open == 1);
    CHECK(wait_error(guest->listen(request, log)).code == ErrorCode::busy);
    CHECK(wait(host->listen(request, [](const std::string&) {})) == 4711);  // beside it
    guest->stop_listening();
    CHECK(open == 1);
    CHECK(wait(guest->listen(request, log)) == 4711);
  }
  CHECK(soon([&] { return open == 1; }));  // the guest's is closed with it
  host->stop_listening();
  CHECK(open == 0);
  const auto without = open_in(folder.path());
  (void)without;
}

TEST_CASE("another version is told who holds the sessions") {
  ScratchFolder folder;
  const auto host = open_in(folder.path());
  const auto data = places_below(folder.path()).data;
  {
    RawPeer other(data);
    other.send_frame(hello("9.9.9", wire_protocol()));
    const std::string answer = other.read_to_end();
    CHECK(answer.find("refused") != std::string::npos);
    CHECK(answer.find("9.9.9") != std::string::npos);
    CHECK(answer.find(std::to_string(::getpid())) != std::string::npos);
  }
  {
    RawPeer other(data);
    other.send_frame(hello(std::string(version()), "other commands"));
    CHECK(other.read_to_end().find("another build") != std::string::npos);
  }
  // The other way round: a host of another version.
  ScratchFolder elsewhere;
  auto listener = listen_in(elsewhere.path());
  REQUIRE(listener.ok());
  std::thread old_host([&] {
    pollfd polled = {listener->get(), POLLIN, 0};
    ::poll(&polled, 1, 20'000);
    FrameStream stream(Descriptor(::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)));
    (void)stream.queue({{"kind", "refused"}, {"message", "this is 0.0.1"}});
    (void)stream.send();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  Service::Options options;
  options.places.data = elsewhere.path();
  const auto refused = AttachedService::connect(options, std::chrono::seconds(20));
  old_host.join();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unsupported);
  CHECK(refused.error().message == "this is 0.0.1");
}

TEST_CASE("whatever arrives on the socket, the host goes on and others notice nothing") {
  ScratchFolder folder;
  const auto host = open_in(folder.path());
  const auto guest = open_in(folder.path());
  const auto data = places_below(folder.path()).data;
  struct stat status {};
  REQUIRE(::stat((data / "fabula.sock").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const std::string good = hello(std::string(version()), wire_protocol());
  const auto call = [](const std::string& name, const std::string& arguments) {
    return R"({"kind":"call","id":1,"name":")" + name + R"(","arguments":)" + arguments + "}";
  };
  const std::vector<std::string> refused = {
      "", "x", "{}", "[]", "null", "{\"kind\":1}", R"({"kind":"hello"})", R"({"kind":"call"})", call("no_such", "[]"),
      call("rename", "[]"), call("rename", "{}"), call("rename", "[1,2]"), call("create", R"([7,"a","b"])"),
      call("create", R"([-1,"a","b"])"), call("load_model", R"([0,{"path":1}])"),
      call("set_settings", R"(["x",{"sampler":{"temperature":"hot"}}])"), call("listen", R"([{"host":7}])"),
      call("send", R"(["s","t",{"max_tokens":"x","seed":null,"stop":[]}])"), call("open_session", "[]"),
      R"({"kind":"call","id":"x","name":"undo","arguments":["s"]})", std::string(4000, '['), "\"\xFF\xFE\""};
  for (const std::string& text : refused) {
    CAPTURE(text);
    RawPeer before(data), after(data);
    before.send_frame(text);
    CHECK(before.read_to_end().empty());
    after.send_frame(good);
    after.send_frame(text);
    after.read_to_end();  // ends
  }
  {
    RawPeer huge(data);
    huge.send("\xFF\xFF\xFF\x7F");
    CHECK(huge.read_to_end().empty());
    RawPeer half(data);  // leaves in the middle of a frame
    half.send(std::string("\x10\0\0\0abc", 7));
  }
  std::mt19937 random(fabula::test::seed());
  for (int i = 0; i < 200; ++i) {
    RawPeer peer(data);
    if (i % 2) peer.send_frame(good);
    std::string bytes(random() % 300, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 3 == 0)
      peer.send_frame(bytes);
    else
      peer.send(bytes);
  }
  // Commands with strange values are answered with an error.
  CHECK_FALSE(guest->rename("\xFF", "\xFE").get().ok());
  CHECK_FALSE(guest->select_sibling("x", "y", -2'000'000'000).get().ok());
  const std::string id = wait(guest->create(Mode::chat, "Still here")).id;
  CHECK(soon([&] { return host->sessions()->size() == 1; }));
  CHECK(wait(host->open_session(id)).info.title == "Still here");
}

TEST_CASE("a socket that a dead host left behind is replaced, and one that cannot be made is done without") {
  ScratchFolder folder;
  const auto data = places_below(folder.path()).data;
  std::filesystem::create_directories(data);
  { const auto left_behind = listen_in(data); }
  REQUIRE(std::filesystem::exists(data / "fabula.sock"));
  {
    const auto host = open_in(folder.path());
    CHECK(host->host_name().empty());
    CHECK_FALSE(open_in(folder.path())->host_name().empty());
  }
  CHECK_FALSE(std::filesystem::exists(data / "fabula.sock"));
  // A very long folder: socket addresses hold 107 bytes.
  const auto deep = folder.path() / std::string(200, 'd') / std::string(200, 'e');
  const auto host = open_in(deep);
  CHECK_FALSE(open_in(deep)->host_name().empty());
  // Something else has the socket's name.
  ScratchFolder other;
  const auto blocked = places_below(other.path()).data;
  std::filesystem::create_directories(blocked / "fabula.sock" / "x");
  const auto alone = open_in(other.path());
  CHECK(alone->host_name().empty());
  const auto second = [&] {
    Service::Options options = options_in(other.path());
    options.may_attach = false;
    return Service::open(std::move(options));
  }();
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::busy);
}
