// How an element-wise program runs over given tensors.
#include "elementwise/ewise_plan.h"

#include <algorithm>
#include <numeric>

namespace vob {
namespace {

constexpr int kCacheBytes = 24 << 10;  // what a block may take of the first cache
constexpr int64_t kRowLength = 512;    // rows from this length on are read in place
constexpr int64_t kLeastBlock = 128;

}  // namespace

EwisePlan::EwisePlan(const vd_call& call, EwiseProgram p, bool in_double, const vd_tensor& like,
                     int n_sums, int64_t sum_length)
    : program(std::move(p)),
      wide(in_double),
      n(sdk::numel(like)),
      bytes(in_double ? 8 : 4),
      length(sum_length) {
  join(call, like);
  for (int i = 0; i < program.n_inputs; ++i) plan_input(call, i);
  for (int o = 0; o < call.n_outputs - n_sums; ++o) plan_output(call, o);
  sums.assign(program.results.end() - n_sums, program.results.end());
  assign_slots();
  choose_block();
  align = block;
  if (n_sums) choose_cell();
  slot_bytes = int((block * bytes + 63) / 64 * 64) + 64;  // not all at one place in the cache
  cost = program.cost + 0.5 * double(outputs.size());
  for (const EwiseInput& x : inputs) {
    cost += x.how == EwiseHow::Direct ? 0.25 : 0.5;
    if (x.how == EwiseHow::Direct || x.how == EwiseHow::Convert || x.how == EwiseHow::Pack)
      traffic += n * x.bytes;
  }
  for (const EwiseOutput& y : outputs) traffic += n * y.bytes;
}

/* The dims of the result, merged where all inputs allow it. */
void EwisePlan::join(const vd_call& call, const vd_tensor& y) {
  inputs.resize(size_t(program.n_inputs));
  auto stride = [&](int i, int k) {
    return sdk::scalar(call.inputs[i]) ? 0 : call.inputs[i].strides[k];
  };
  for (int k = 0; k < y.ndim; ++k) {
    if (y.shape[k] == 1) continue;
    bool merge = dims > 0;
    for (int i = 0; merge && i < program.n_inputs; ++i)
      merge = inputs[i].stride[dims - 1] == stride(i, k) * y.shape[k];
    if (!merge) size[dims++] = 1;
    size[dims - 1] *= y.shape[k];
    for (int i = 0; i < program.n_inputs; ++i) inputs[i].stride[dims - 1] = stride(i, k);
  }
  if (dims == 0) {
    size[dims++] = 1;
    for (EwiseInput& x : inputs) x.stride[0] = 0;
  }
  inner = size[dims - 1];
  rows = dims > 1 && inner >= kRowLength;
}

void EwisePlan::plan_input(const vd_call& call, int i) {
  EwiseInput& x = inputs[i];
  x.type = in_type(call, i);
  x.bytes = sdk::size_of(x.type);
  if (program.last_use[i] < 0) return;
  x.layout = sdk::scalar(call.inputs[i]) ? Layout{} : layout_of(call.inputs[i]);
  const bool whole = std::all_of(x.stride, x.stride + dims - 1, [](int64_t s) { return !s; });
  // a result that is an input itself is copied at a block's end: from a
  // register, because another output may have overwritten the input by then
  const bool result = program.last_use[i] == int(program.steps.size());
  if (x.layout.constant()) {
    x.how = EwiseHow::Constant;
  } else if (x.layout.dense()) {
    x.how = x.type == type() && !result ? EwiseHow::Direct : EwiseHow::Convert;
  } else if (rows) {
    x.how = EwiseHow::Row;
    x.slot = x.stride[dims - 1] == 1 && x.type == type() && !result ? -1 : 0;
    return;
  } else {
    x.how = whole ? EwiseHow::Period : EwiseHow::Pack;
  }
  x.slot = x.how == EwiseHow::Direct ? -1 : 0;
}

void EwisePlan::plan_output(const vd_call& call, int o) {
  EwiseOutput y;
  y.type = out_type(call, o);
  y.bytes = sdk::size_of(y.type);
  y.reg = program.results[o];
  bool first = y.type == type();
  for (const EwiseOutput& other : outputs) first &= other.reg != y.reg || other.step < 0;
  for (size_t k = 0; first && k < program.steps.size(); ++k)
    if (program.steps[k].out == y.reg) y.step = int(k);
  outputs.push_back(y);
}

/* Registers that live at the same time get different slots. */
void EwisePlan::assign_slots() {
  std::vector<int> free;
  slot.assign(size_t(program.n_registers), -1);
  auto take = [&](int r) {
    if (free.empty()) free.push_back(slots++);
    slot[r] = free.back();
    free.pop_back();
  };
  for (int i = 0; i < program.n_inputs; ++i)
    if (inputs[i].slot >= 0) take(i);
  for (size_t k = 0; k < program.steps.size(); ++k) {
    const EwiseStep& s = program.steps[k];
    for (int a = 0; a < 3; ++a) {
      const int r = s.in[a];
      if (slot[r] < 0 || program.last_use[r] != int(k)) continue;
      if (r < program.n_inputs &&
          (inputs[r].how == EwiseHow::Constant || inputs[r].how == EwiseHow::Period))
        continue;
      if (std::find(s.in, s.in + a, r) == s.in + a) free.push_back(slot[r]);
    }
    take(s.out);
  }
}

void EwisePlan::choose_block() {
  int live = slots + int(outputs.size());
  for (const EwiseInput& x : inputs) live += x.how == EwiseHow::Direct;
  block = kCacheBytes / (bytes * std::max(live, 1)) / 64 * 64;
  block = std::min(std::max(block, kLeastBlock), kEwiseBlock);
  // whole rows, so that what repeats with them is gathered once
  period = !rows && dims > 1 && inner > 0 && inner <= block;
  if (period) block -= block % inner;
}

/* A block is whole sums, or a sum is several cells that are added up in the end. */
void EwisePlan::choose_cell() {
  if (length <= block) {
    block -= block % (period ? std::lcm(length, inner) : length);
    cell = length;
    align = block;
  } else {
    cell = block;
    align = length == n || length % block == 0 ? block : length;
  }
}

}  // namespace vob
