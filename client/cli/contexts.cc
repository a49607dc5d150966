#include "client/cli/contexts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "client/cli/failure.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace farpoll::cli {
namespace {

// Keeps the first error of a text that does not parse.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) {
      text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status FileError(const std::string& path, absl::string_view what,
                       int number) {
  return LocalError(absl::StrCat(what, " ", path, ": ", strerror(number)));
}

}  // namespace

std::string ContextsPath() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0') {
    return absl::StrCat(config, "/farpoll/contexts.textproto");
  }
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return absl::StrCat(home, "/.config/farpoll/contexts.textproto");
  }
  return "";
}

absl::StatusOr<Contexts> LoadContexts(const std::string& path) {
  Contexts contexts;
  std::ifstream file(path);
  if (!file) {
    return contexts;
  }
  std::stringstream text;
  text << file.rdbuf();
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text.str(), &contexts)) {
    return LocalError(absl::StrCat(path, ":", error.text()),
                      "correct the file, or remove it to start afresh");
  }
  return contexts;
}

absl::Status SaveContexts(const Contexts& contexts, const std::string& path) {
  if (path.empty()) {
    return LocalError("no place for the contexts file",
                      "set HOME or XDG_CONFIG_HOME");
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                      error);
  if (error) {
    return FileError(path, "cannot make the folder of", error.value());
  }
  std::string text;
  google::protobuf::TextFormat::PrintToString(contexts, &text);
  const std::string fresh = absl::StrCat(path, ".", ::getpid());
  const UniqueFd fd(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    return FileError(fresh, "cannot write", errno);
  }
  if (::write(fd.get(), text.data(), text.size()) !=
          static_cast<ssize_t>(text.size()) ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int number = errno;
    ::unlink(fresh.c_str());
    return FileError(path, "cannot write", number);
  }
  return absl::OkStatus();
}

const Context* FindContext(const Contexts& contexts, absl::string_view name) {
  for (const Context& context : contexts.contexts()) {
    if (context.name() == name) {
      return &context;
    }
  }
  return nullptr;
}

Context* FindContext(Contexts& contexts, absl::string_view name) {
  for (Context& context : *contexts.mutable_contexts()) {
    if (context.name() == name) {
      return &context;
    }
  }
  return nullptr;
}

Context& ContextNamed(Contexts& contexts, absl::string_view name) {
  if (Context* found = FindContext(contexts, name)) {
    return *found;
  }
  Context& made = *contexts.add_contexts();
  made.set_name(std::string(name));
  if (contexts.current().empty()) {
    contexts.set_current(made.name());
  }
  return made;
}

}  // namespace farpoll::cli
