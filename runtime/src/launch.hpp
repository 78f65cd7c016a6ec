// Launching one kernel, and looking on: VIDYA_DEBUG from 2 on counts and times, from 4 on prints.
#pragma once
#include <string>
#include <vector>

#include "plan.hpp"

namespace vidya {

struct LaunchTotal {
  std::string op, device;
  uint64_t count = 0;
  double seconds = 0;
};

extern int debug_level;
vd_status watched_launch(const Kernel& k, const vd_call& call, vd_err* err);
void note_launch(const std::string& op, const Device* device, const std::string& what,
                 double seconds);
std::vector<LaunchTotal> launch_totals();  // the dearest first

inline vd_status launch_kernel(const Kernel& k, const vd_call& call, vd_err* err) {
  if (__builtin_expect(debug_level >= 2, 0)) return watched_launch(k, call, err);
  return k.provider->table.run(k.device->handle, k.found.kernel, &call, err);
}

}  // namespace vidya
