// The text of an element-wise program, checked and turned into loops.
#include <algorithm>
#include <cctype>

#include "elementwise/ewise.h"

namespace vob {
namespace {

struct OpInfo {
  Loop loop = nullptr;
  int arity = 0;
  double cost = 1;
};

#define VOB_NAME(name) #name,
const char* const kUnary[] = {VOB_UNARY_OPS(VOB_NAME)};
const char* const kBinary[] = {VOB_BINARY_OPS(VOB_NAME)};
const char* const kEwise[] = {VOB_EWISE_OPS(VOB_NAME)};
#undef VOB_NAME

template <int N>
int index_of(const char* const (&names)[N], const std::string& op) {
  for (int i = 0; i < N; ++i)
    if (op == names[i]) return i;
  return -1;
}

bool cheap(const std::string& op) {
  static const char* const names[] = {
      "neg",          "abs",     "sign",          "floor",
      "ceil",         "round",   "trunc",         "relu",
      "square",       "add",     "sub",           "mul",
      "maximum",      "minimum", "relu_backward", "sigmoid_backward",
      "tanh_backward"};
  return index_of(names, op) >= 0;
}

int operands(int op) {
  switch (op) {
    case k_e_not:
    case k_e_round_bf16:
    case k_e_round_f16:
    case k_e_frac:
    case k_e_hardswish:
    case k_e_softplus:
      return 1;
    case k_e_where:
    case k_e_fma:
    case k_e_fms:
    case k_e_fnma:
    case k_e_clamp:
    case k_e_lerp:
    case k_e_leaky_relu_backward:
      return 3;
    default:
      return 2;
  }
}
bool slow_ewise(int op) { return op == k_e_softplus || op == k_e_softplus_backward; }

OpInfo info_of(const Simd* simd, Float f, const std::string& op) {
  OpInfo info;
  const double hard = f == kF64 ? 12 : 3;
  if (int i = index_of(kUnary, op); i >= 0) {
    info = {simd->unary[f][i], 1, cheap(op) ? 0.5 : hard};
  } else if (int i = index_of(kBinary, op); i >= 0) {
    info = {simd->binary[f][i], 2, cheap(op) ? 0.5 : op == "div" ? 1 : hard};
  } else if (int i = index_of(kEwise, op); i >= 0) {
    info = {simd->ewise[f][i], operands(i), slow_ewise(i) ? hard : 0.5};
  }
  return info;
}

struct Instruction {
  std::string op;
  int out;
  std::vector<int> in;
};

vd_status read(const char* text, const Simd* simd, Float f, int n_inputs,
               std::vector<Instruction>& program, vd_err* err) {
  int next = n_inputs;
  for (const char* p = text; *p;) {
    const char* end = p;
    while (*end && *end != ';') ++end;
    std::vector<std::string> words;
    for (const char* q = p; q < end;) {
      while (q < end && std::isspace(static_cast<unsigned char>(*q))) ++q;
      const char* w = q;
      while (q < end && !std::isspace(static_cast<unsigned char>(*q))) ++q;
      if (q > w) words.emplace_back(w, q);
    }
    p = *end ? end + 1 : end;
    if (words.empty()) continue;
    OpInfo info = info_of(simd, f, words[0]);
    if (!info.loop)
      return fail(err, VD_UNSUPPORTED, "ewise: no instruction %.40s", words[0].c_str());
    if (int(words.size()) != info.arity + 1)
      return fail(err, VD_INVALID, "ewise: %s takes %d registers, not %d", words[0].c_str(),
                  info.arity, int(words.size()) - 1);
    Instruction ins{words[0], next, {}};
    for (size_t k = 1; k < words.size(); ++k) {
      char* rest;
      long r = std::strtol(words[k].c_str(), &rest, 10);
      if (*rest || r < 0 || r >= next)
        return fail(err, VD_INVALID, "ewise: instruction %d reads register %.20s of %d",
                    next - n_inputs, words[k].c_str(), next);
      ins.in.push_back(int(r));
    }
    program.push_back(std::move(ins));
    ++next;
  }
  return VD_OK;
}

/* A product that only one sum or difference reads becomes one instruction with it. */
void contract(std::vector<Instruction>& program, int n_inputs, const std::vector<int>& results) {
  std::vector<int> uses(n_inputs + program.size(), 0);
  for (auto& i : program)
    for (int r : i.in) ++uses[r];
  for (int r : results) ++uses[r];
  auto product = [&](int r) -> Instruction* {
    if (r < n_inputs || uses[r] != 1 || program[r - n_inputs].op != "mul") return nullptr;
    return &program[r - n_inputs];
  };
  for (auto& i : program) {
    if (i.op != "add" && i.op != "sub") continue;
    Instruction *left = product(i.in[0]), *right = product(i.in[1]);
    if (!left && !right) continue;
    Instruction* m = left ? left : right;
    const int other = left ? i.in[1] : i.in[0];
    i.op = i.op == "add" ? "fma" : left ? "fms" : "fnma";
    i.in = {m->in[0], m->in[1], other};
    m->op.clear();
  }
}

}  // namespace

vd_status parse_ewise(const Simd* simd, Float f, const vd_call& call, EwiseProgram& out,
                      vd_err* err) {
  const char* text = sdk::attr_str(call, "program", nullptr);
  const vd_attr* results = sdk::find_attr(call, "results");
  if (!text || !results || results->kind != VD_ATTR_INTS || results->count != call.n_outputs)
    return fail(err, VD_INVALID, "ewise needs a program and one register in results per output");
  std::vector<Instruction> program;
  if (vd_status s = read(text, simd, f, call.n_inputs, program, err)) return s;
  out.n_inputs = call.n_inputs;
  out.n_registers = call.n_inputs + int(program.size());
  for (int i = 0; i < results->count; ++i) {
    const int64_t r = results->value.ints[i];
    if (r < 0 || r >= out.n_registers)
      return fail(err, VD_INVALID, "ewise: result %d is register %lld of %d", i, (long long)r,
                  out.n_registers);
    out.results.push_back(int(r));
  }
  contract(program, out.n_inputs, out.results);
  std::vector<bool> needed(out.n_registers, false);
  for (int r : out.results) needed[r] = true;
  for (size_t i = program.size(); i-- > 0;) {
    if (!needed[program[i].out] || program[i].op.empty()) {
      program[i].op.clear();
      continue;
    }
    for (int r : program[i].in) needed[r] = true;
  }
  for (auto& i : program) {
    if (i.op.empty()) continue;
    const OpInfo info = info_of(simd, f, i.op);
    EwiseStep step{info.loop, i.out, {i.in[0], i.in[0], i.in[0]}};
    std::copy(i.in.begin(), i.in.end(), step.in);
    out.steps.push_back(step);
    out.cost += info.cost;
  }
  out.last_use.assign(out.n_registers, -1);
  for (size_t k = 0; k < out.steps.size(); ++k)
    for (int r : out.steps[k].in) out.last_use[r] = int(k);
  for (int r : out.results) out.last_use[r] = int(out.steps.size());
  return VD_OK;
}

}  // namespace vob
