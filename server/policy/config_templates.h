// server/policy/config_templates.h: room: server/policy. The spawn templates of
// a configuration file.
// Threads: pure.
#ifndef FARPOLL_SERVER_POLICY_CONFIG_TEMPLATES_H_
#define FARPOLL_SERVER_POLICY_CONFIG_TEMPLATES_H_

#include <sys/types.h>

#include "server/policy/config_place.h"
#include "server/policy/policy_spec.h"

namespace farpoll::server {

// Reads the SpawnTemplate at `place` of a server that runs as `own_uid`; what
// is wrong goes to `faults`.
SpawnTemplate ReadSpawnTemplate(const ConfigPlace& place, uid_t own_uid,
                                ConfigFaults* faults);

}  // namespace farpoll::server

#endif  // FARPOLL_SERVER_POLICY_CONFIG_TEMPLATES_H_
