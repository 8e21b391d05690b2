#include "tests/core/session/faulty_vfs.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <new>

namespace fabula::session::test {

// In the memory that SQLite lays out for a file; the real file follows it.
struct FaultyDisk::OpenFile {
  sqlite3_file base;
  FaultyDisk* disk;
  const std::string* name;  // key of images_; null for temporary files

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  sqlite3_file* real() const { return const_cast<OpenFile*>(this)->real(); }
};

namespace {

template <class File>
File* as(sqlite3_file* file) {
  return reinterpret_cast<File*>(file);
}

}  // namespace

FaultyDisk::FaultyDisk() : base_(sqlite3_vfs_find(nullptr)), vfs_(*base_) {
  name_ = "faulty-" + std::to_string(reinterpret_cast<uintptr_t>(this));
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(OpenFile)) + base_->szOsFile;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  sqlite3_vfs_register(&vfs_, 0);

  sqlite3_io_methods& m = methods_;
  m.iVersion = 2;  // shared memory, but no mapped reads
  m.xClose = [](sqlite3_file* file) {
    auto* real = as<OpenFile>(file)->real();
    return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
  };
  m.xRead = [](sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
    auto* real = as<OpenFile>(f)->real();
    return real->pMethods->xRead(real, out, size, at);
  };
  m.xWrite = [](sqlite3_file* f, const void* bytes, int size, sqlite3_int64 at) {
    auto* file = as<OpenFile>(f);
    if (const int code = file->disk->may_write(*file, bytes, size, at); code != SQLITE_OK) return code;
    return file->real()->pMethods->xWrite(file->real(), bytes, size, at);
  };
  m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
    auto* file = as<OpenFile>(f);
    if (file->name) file->disk->images_[*file->name].pending.push_back({size, "", true});
    return file->real()->pMethods->xTruncate(file->real(), size);
  };
  m.xSync = [](sqlite3_file* f, int flags) {
    auto* file = as<OpenFile>(f);
    FaultyDisk& disk = *file->disk;
    if (disk.on_access) disk.on_access();
    if (disk.fault_ == Fault::sync_error && disk.good_left_-- <= 0) {
      disk.was_hit_ = true;
      return SQLITE_IOERR_FSYNC;
    }
    if (file->name) {
      Image& image = disk.images_[*file->name];
      for (const Write& write : image.pending) apply(image.durable, write);
      image.pending.clear();
    }
    return file->real()->pMethods->xSync(file->real(), flags);
  };
  m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
    auto* real = as<OpenFile>(f)->real();
    return real->pMethods->xFileSize(real, size);
  };
  m.xLock = [](sqlite3_file* f, int level) {
    return as<OpenFile>(f)->real()->pMethods->xLock(as<OpenFile>(f)->real(), level);
  };
  m.xUnlock = [](sqlite3_file* f, int level) {
    return as<OpenFile>(f)->real()->pMethods->xUnlock(as<OpenFile>(f)->real(), level);
  };
  m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
    return as<OpenFile>(f)->real()->pMethods->xCheckReservedLock(as<OpenFile>(f)->real(), out);
  };
  m.xFileControl = [](sqlite3_file* f, int op, void* argument) {
    return as<OpenFile>(f)->real()->pMethods->xFileControl(as<OpenFile>(f)->real(), op, argument);
  };
  m.xSectorSize = [](sqlite3_file*) { return 512; };
  // Nothing is promised: writes may be torn and reordered.
  m.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
  m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return as<OpenFile>(f)->real()->pMethods->xShmMap(as<OpenFile>(f)->real(), page, size, extend, out);
  };
  m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
    return as<OpenFile>(f)->real()->pMethods->xShmLock(as<OpenFile>(f)->real(), offset, n, flags);
  };
  m.xShmBarrier = [](sqlite3_file* f) {
    as<OpenFile>(f)->real()->pMethods->xShmBarrier(as<OpenFile>(f)->real());
  };
  m.xShmUnmap = [](sqlite3_file* f, int remove_it) {
    return as<OpenFile>(f)->real()->pMethods->xShmUnmap(as<OpenFile>(f)->real(), remove_it);
  };
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&vfs_);
}

void FaultyDisk::break_after(int64_t good, Fault fault) {
  good_left_ = good;
  fault_ = fault;
  was_hit_ = false;
}

int FaultyDisk::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* disk = static_cast<FaultyDisk*>(vfs->pAppData);
  auto* file = new (f) OpenFile{{nullptr}, disk, nullptr};
  std::memset(file->real(), 0, static_cast<size_t>(disk->base_->szOsFile));
  const int code = disk->base_->xOpen(disk->base_, name, file->real(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  file->base.pMethods = &disk->methods_;
  if (!name) return SQLITE_OK;
  const std::string key = std::filesystem::path(name).filename().string();
  const auto [entry, is_new] = disk->images_.try_emplace(key);
  if (is_new) {
    std::ifstream bytes(name, std::ios::binary);
    entry->second.durable.assign(std::istreambuf_iterator<char>(bytes), {});
  }
  file->name = &entry->first;
  return SQLITE_OK;
}

int FaultyDisk::remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  auto* disk = static_cast<FaultyDisk*>(vfs->pAppData);
  if (const auto image = disk->images_.find(std::filesystem::path(name).filename().string());
      image != disk->images_.end())
    image->second = {};
  return disk->base_->xDelete(disk->base_, name, sync_folder);
}

int FaultyDisk::may_write(const OpenFile& file, const void* bytes, int size, int64_t offset) {
  if (on_access) on_access();
  const bool fails = fault_ != Fault::none && fault_ != Fault::sync_error && good_left_-- <= 0;
  const int written = fails ? (fault_ == Fault::short_write ? size / 2 : 0) : size;
  if (file.name && written > 0)
    images_[*file.name].pending.push_back(
        {offset, std::string(static_cast<const char*>(bytes), static_cast<size_t>(written)), false});
  if (!fails) return SQLITE_OK;
  was_hit_ = true;
  if (written > 0) (void)file.real()->pMethods->xWrite(file.real(), bytes, written, offset);
  return fault_ == Fault::write_error ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

void FaultyDisk::apply(std::string& bytes, const Write& write) {
  if (write.truncates) return bytes.resize(static_cast<size_t>(write.offset));
  const size_t end = static_cast<size_t>(write.offset) + write.bytes.size();
  if (bytes.size() < end) bytes.resize(end);
  std::copy(write.bytes.begin(), write.bytes.end(), bytes.begin() + write.offset);
}

void FaultyDisk::write_after_power_cut(const std::filesystem::path& folder, std::mt19937_64& random) const {
  std::filesystem::create_directories(folder);
  for (const auto& [name, image] : images_) {
    std::string bytes = image.durable;
    for (const Write& write : image.pending) {
      switch (random() % 3) {
        case 0: continue;  // lost
        case 1: apply(bytes, write); continue;
        default: {  // torn at a sector
          Write torn = write;
          if (!torn.truncates) torn.bytes.resize(random() % (torn.bytes.size() / 512 + 1) * 512);
          apply(bytes, torn);
        }
      }
    }
    if (bytes.empty()) continue;
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
}

}  // namespace fabula::session::test
