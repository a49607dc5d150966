#include "server/policy/config.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errno_status.h"
#include "farpoll/config/v1/config.pb.h"
#include "server/policy/config_place.h"
#include "server/policy/config_templates.h"
#include "server/policy/names.h"
#include "server/policy/plain_path.h"

namespace farpoll::server {
namespace {

namespace proto = farpoll::config::v1;

constexpr std::uint32_t kMostPort = 65535;

std::string NamesOf(absl::Span<const LimitField> fields) {
  std::vector<absl::string_view> names;
  for (const LimitField& field : fields) {
    if (field.by_principal) {
      names.push_back(field.name);
    }
  }
  return absl::StrJoin(names, ", ");
}

// Turns messages into values; what is wrong goes to `faults_`.
class Reader {
 public:
  explicit Reader(ConfigFaults* faults) : faults_(*faults) {}

  PolicySpec Read(const ConfigPlace& place, uid_t own_uid);

 private:
  Grant ReadGrant(const ConfigPlace& place);
  Grantee ReadGrantee(const ConfigPlace& place);
  NetworkRule ReadNetworkRule(const ConfigPlace& place);
  UnixRule ReadUnixRule(const ConfigPlace& place);
  FileRoot ReadRoot(const ConfigPlace& place);
  void ReadVerbs(const ConfigPlace& place, Grant* grant);
  void CheckObjects(const ConfigPlace& place, const Grant& grant);
  void ReadQuota(const ConfigPlace& place, Grant* grant);
  void ReadInherited(const ConfigPlace& place, PolicySpec* spec);
  void CheckTemplates(const ConfigPlace& place);

  // Reads each message of a repeated field.
  template <class Value>
  std::vector<Value> ReadEach(const ConfigPlace& place,
                              const std::string& field, int count,
                              Value (Reader::*read)(const ConfigPlace&)) {
    std::vector<Value> values;
    for (int i = 0; i < count; ++i) {
      values.push_back((this->*read)(place.Nested(field, i)));
    }
    return values;
  }

  ConfigFaults& faults_;
  std::set<std::string> templates_;
};

PolicySpec Reader::Read(const ConfigPlace& place, uid_t own_uid) {
  const auto& config = place.As<proto::Config>();
  PolicySpec spec{.own_uid = own_uid, .no_basics = config.no_basics()};
  if (!config.mode().empty()) {
    const absl::StatusOr<Mode> mode = ParseMode(config.mode());
    if (faults_.Check(mode.status(), place, "mode")) {
      spec.mode = *mode;
    }
  }
  for (int i = 0; i < config.spawn_template_size(); ++i) {
    const ConfigPlace inner = place.Nested("spawn_template", i);
    spec.templates.push_back(ReadSpawnTemplate(inner, own_uid, &faults_));
    if (!templates_.insert(spec.templates.back().name).second) {
      faults_.Add(inner, "name", "expected a name that no other template has");
    }
  }
  std::set<std::string> names;
  for (int i = 0; i < config.grant_size(); ++i) {
    const ConfigPlace inner = place.Nested("grant", i);
    spec.grants.push_back(ReadGrant(inner));
    if (!names.insert(spec.grants.back().name).second) {
      faults_.Add(inner, "name", "expected a name that no other grant has");
    }
  }
  if (config.has_inherited()) {
    ReadInherited(place.Nested("inherited", -1), &spec);
  }
  return spec;
}

Grant Reader::ReadGrant(const ConfigPlace& place) {
  const auto& from = place.As<proto::Grant>();
  Grant grant{.name = from.name(), .free_argv = from.free_argv()};
  if (from.name().empty()) {
    faults_.Add(place, "name", "expected a name for the grant");
  }
  faults_.Check(CheckName(from.name(), "name"), place, "name");
  if (from.to_size() == 0) {
    faults_.Add(place, "to", "expected whom the grant is for");
  }
  grant.to = ReadEach(place, "to", from.to_size(), &Reader::ReadGrantee);
  grant.connect =
      ReadEach(place, "connect", from.connect_size(), &Reader::ReadNetworkRule);
  grant.listen =
      ReadEach(place, "listen", from.listen_size(), &Reader::ReadNetworkRule);
  grant.unix_sockets = ReadEach(place, "unix_socket", from.unix_socket_size(),
                                &Reader::ReadUnixRule);
  grant.roots = ReadEach(place, "root", from.root_size(), &Reader::ReadRoot);
  grant.templates.assign(from.spawn_template().begin(),
                         from.spawn_template().end());
  CheckTemplates(place);
  ReadVerbs(place, &grant);
  for (int i = 0; i < from.quota_size(); ++i) {
    ReadQuota(place.Nested("quota", i), &grant);
  }
  return grant;
}

Grantee Reader::ReadGrantee(const ConfigPlace& place) {
  const auto& from = place.As<proto::Grantee>();
  Grantee grantee;
  switch (from.who_case()) {
    case proto::Grantee::kUid:
      grantee.uid = from.uid();
      break;
    case proto::Grantee::kGid:
      grantee.gid = from.gid();
      break;
    case proto::Grantee::kAnonymousTcp:
      grantee.anonymous_tcp = from.anonymous_tcp();
      break;
    case proto::Grantee::kAnyone:
      grantee.anyone = from.anyone();
      break;
    case proto::Grantee::WHO_NOT_SET:
      break;
  }
  if (!grantee.uid && !grantee.gid && !grantee.anonymous_tcp &&
      !grantee.anyone) {
    faults_.Add(place, "uid",
                "expected uid, gid, anonymous_tcp: true or anyone: true");
  }
  return grantee;
}

NetworkRule Reader::ReadNetworkRule(const ConfigPlace& place) {
  const auto& from = place.As<proto::NetworkRule>();
  NetworkRule rule;
  const absl::StatusOr<IpRange> range = ParseIpRange(from.range());
  if (faults_.Check(range.status(), place, "range")) {
    rule.range = *range;
  }
  for (int i = 0; i < from.ports_size(); ++i) {
    const proto::PortRange& ports = from.ports(i);
    const std::uint32_t last = ports.last() == 0 ? ports.first() : ports.last();
    if (ports.first() > kMostPort || last > kMostPort || ports.first() > last) {
      faults_.Add(place, "ports",
                  "expected ports from 0 to 65535, first not after last", i);
    }
    rule.ports.emplace_back(ports.first(), last);
  }
  return rule;
}

UnixRule Reader::ReadUnixRule(const ConfigPlace& place) {
  const auto& from = place.As<proto::UnixRule>();
  if (from.has_directory()) {
    faults_.Check(CheckPlainPath(from.directory()), place, "directory");
  } else if (from.abstract_prefix().empty()) {
    faults_.Add(place, "abstract_prefix",
                "expected a directory or an abstract_prefix of a byte or more");
  }
  return UnixRule{.directory = from.directory(),
                  .abstract_prefix = from.abstract_prefix()};
}

FileRoot Reader::ReadRoot(const ConfigPlace& place) {
  const auto& from = place.As<proto::FileRoot>();
  faults_.Check(CheckPlainPath(from.path()), place, "path");
  return FileRoot{.path = from.path(), .write = from.write()};
}

void Reader::CheckTemplates(const ConfigPlace& place) {
  const auto& from = place.As<proto::Grant>();
  for (int i = 0; i < from.spawn_template_size(); ++i) {
    if (!templates_.contains(from.spawn_template(i))) {
      faults_.Add(
          place, "spawn_template",
          absl::StrCat("there is no template named ", from.spawn_template(i),
                       "; expected one of ", absl::StrJoin(templates_, ", ")),
          i);
    }
  }
}

void Reader::ReadVerbs(const ConfigPlace& place, Grant* grant) {
  const auto& from = place.As<proto::Grant>();
  if (from.verb_size() == 0 && from.quota_size() == 0) {
    faults_.Add(place, "verb", "expected a verb or a quota");
  }
  for (int i = 0; i < from.verb_size(); ++i) {
    const absl::StatusOr<Verb> verb = ParseVerb(from.verb(i));
    if (!faults_.Check(verb.status(), place, "verb", i)) {
      continue;
    }
    grant->verbs.Add(*verb);
  }
  CheckObjects(place, *grant);
}

// A verb that needs an object has one, and an object has a verb that uses it.
void Reader::CheckObjects(const ConfigPlace& place, const Grant& grant) {
  const bool sockets = !grant.unix_sockets.empty();
  const struct {
    Verb verb;
    bool usable;          // some object allows something
    bool own;             // an object that nothing else uses
    const char* field;    // that object's
    const char* objects;  // in words
  } rules[] = {
      {Verb::kSpawn, grant.free_argv || !grant.templates.empty(),
       grant.free_argv || !grant.templates.empty(),
       grant.free_argv ? "free_argv" : "spawn_template",
       "free_argv or spawn_template"},
      {Verb::kConnect, !grant.connect.empty() || sockets,
       !grant.connect.empty(), "connect", "connect or unix_socket"},
      {Verb::kListen, !grant.listen.empty() || sockets, !grant.listen.empty(),
       "listen", "listen or unix_socket"},
      {Verb::kOpen, !grant.roots.empty(), !grant.roots.empty(), "root", "root"},
  };
  for (const auto& rule : rules) {
    if (grant.verbs.Has(rule.verb) && !rule.usable) {
      faults_.Add(place, "verb",
                  absl::StrCat("the verb ", VerbName(rule.verb),
                               " allows nothing without ", rule.objects));
    } else if (!grant.verbs.Has(rule.verb) && rule.own) {
      faults_.Add(place, rule.field,
                  absl::StrCat("expected verb: \"", VerbName(rule.verb),
                               "\" beside it"));
    }
  }
  if (sockets && !grant.verbs.Has(Verb::kConnect) &&
      !grant.verbs.Has(Verb::kListen)) {
    faults_.Add(place, "unix_socket",
                "expected verb: \"connect\" or verb: \"listen\" beside it");
  }
}

void Reader::ReadQuota(const ConfigPlace& place, Grant* grant) {
  const auto& from = place.As<proto::Quota>();
  const absl::Span<const LimitField> fields = LimitFields();
  const auto field =
      std::find_if(fields.begin(), fields.end(), [&](const LimitField& one) {
        return one.by_principal && one.name == from.limit();
      });
  if (field == fields.end()) {
    faults_.Add(place, "limit",
                absl::StrCat("expected a limit, one of ", NamesOf(fields)));
    return;
  }
  if (from.most() < field->least || from.most() > field->most) {
    faults_.Add(
        place, "most",
        absl::StrCat("expected from ", field->least, " to ", field->most));
  }
  grant->quotas.emplace_back(field->value, from.most());
}

void Reader::ReadInherited(const ConfigPlace& place, PolicySpec* spec) {
  const auto& from = place.As<proto::InheritedSession>();
  if (from.name().empty()) {
    faults_.Add(place, "name", "expected a name for the session");
  }
  faults_.Check(CheckName(from.name(), "name"), place, "name");
  spec->inherited = InheritedSession{
      .name = from.name(),
      .owner = from.has_owner_uid() ? from.owner_uid() : spec->own_uid};
}

}  // namespace

absl::StatusOr<Mode> ParseMode(absl::string_view name) {
  if (name == "private") {
    return Mode::kPrivate;
  }
  if (name == "system") {
    return Mode::kSystem;
  }
  return MakeError(EINVAL, "BAD_MODE", name, "expected private or system");
}

absl::StatusOr<PolicySpec> ParseConfig(absl::string_view text,
                                       absl::string_view file, uid_t own_uid) {
  ConfigFaults faults(file, text);
  google::protobuf::TextFormat::ParseInfoTree tree;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&faults);
  parser.WriteLocationsTo(&tree);
  proto::Config config;
  if (!parser.ParseFromString(std::string(text), &config)) {
    return faults.status();
  }
  PolicySpec spec = Reader(&faults).Read(ConfigPlace(&config, &tree), own_uid);
  if (const absl::Status good = faults.status(); !good.ok()) {
    return good;
  }
  return spec;
}

}  // namespace farpoll::server
