// server/process/guard_program.cc: room: server/process. The guardian's
// program, which the server carries in itself. Its socket is number 0.
#include "server/process/guardian_main.h"

int main() { farpoll::server::RunGuardian(0); }
