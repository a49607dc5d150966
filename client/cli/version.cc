#include "base/version.h"

#include "absl/strings/str_cat.h"
#include "client/cli/verbs.h"

namespace farpoll::cli {
namespace {

// The server's part is left out when it is away: that is no failure here.
absl::Status Run(Runtime& run) {
  const absl::StatusOr<Client*> client = run.client();
  if (!client.ok()) {
    return client.status();
  }
  const absl::StatusOr<v1::GetServerResponse> server = (*client)->GetServer();
  Json json;
  json["client"] = kVersion;
  json["api"] = kApiLevel;
  if (server.ok()) {
    json["server"] = server->version();
    json["serverApi"] = server->api();
  }
  return run.out().Object(
      json, {{},
             {{"client", absl::StrCat(kVersion, ", api ", kApiLevel)},
              {"server", server.ok() ? absl::StrCat(server->version(), ", api ",
                                                    server->api())
                                     : "- (not reached)"}}});
}

Action Declare(Command) { return &Run; }

}  // namespace

Verb VersionVerb() {
  return {"version",
          groups::kTool,
          "shows the versions of this program and of the server",
          R"(  farpoll version
  farpoll version -o json
)",
          "",
          &Declare};
}

}  // namespace farpoll::cli
