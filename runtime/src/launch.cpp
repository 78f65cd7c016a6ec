#include "launch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

namespace vidya {

int debug_level = 0;

namespace {

std::mutex g_mutex;  // kernels of several devices may end at the same time
std::map<std::pair<std::string, std::string>, LaunchTotal>& totals() {
  static auto* all = new std::map<std::pair<std::string, std::string>, LaunchTotal>;
  return *all;
}

std::string outputs_of(const vd_call& call) {
  vd_call results = call;
  results.inputs = call.outputs;
  results.n_inputs = call.n_outputs;
  results.op = "";
  return describe_call(results);
}

}  // namespace

vd_status watched_launch(const Kernel& k, const vd_call& call, vd_err* err) {
  auto begin = std::chrono::steady_clock::now();
  vd_status status = k.provider->table.run(k.device->handle, k.found.kernel, &call, err);
  if (status == VD_OK) status = k.device->backend->table.sync(k.device->handle, err);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  note_launch(call.op, k.device,
              debug_level >= 4 ? describe_call(call) + " -> " + outputs_of(call) : "", seconds);
  return status;
}

void note_launch(const std::string& op, const Device* device, const std::string& what,
                 double seconds) {
  std::lock_guard<std::mutex> guard(g_mutex);
  LaunchTotal& total = totals()[{op, device->name}];
  total.op = op;
  total.device = device->name;
  ++total.count;
  total.seconds += seconds;
  if (debug_level >= 4)
    std::fprintf(stderr, "vidya: %s %9.1f us  %s\n", device->name.c_str(), seconds * 1e6,
                 what.c_str());
}

std::vector<LaunchTotal> launch_totals() {
  std::lock_guard<std::mutex> guard(g_mutex);
  std::vector<LaunchTotal> list;
  for (const auto& [key, total] : totals()) list.push_back(total);
  std::sort(list.begin(), list.end(),
            [](const LaunchTotal& a, const LaunchTotal& b) { return a.seconds > b.seconds; });
  return list;
}

}  // namespace vidya
