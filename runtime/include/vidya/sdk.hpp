// C++17 comfort over backend.h for those who write a device plugin.  Header only, no Python.
//
//   sdk::fail(err, VD_INVALID, "...", ...)   one sentence into the caller's vd_err
//   sdk::DType, sdk::dtype_of, ...           dtypes as a small enum
//   sdk::View<T>                             a typed look at a vd_tensor in host memory
//   sdk::find_attr, attr_int, attr_str ...   attributes by name
//   sdk::Table<Maker>                        op name -> what makes its kernel
//   sdk::bf16_to_float, ...                  the 16-bit floats, rounded to nearest even
//   sdk::philox4x32_10                       the random numbers of `random_bits`
#ifndef VIDYA_SDK_HPP
#define VIDYA_SDK_HPP

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <unordered_map>

#include "vidya/backend.h"

namespace vidya::sdk {

// ---- errors ------------------------------------------------------------------------------------

/* Writes the formatted sentence into `err` and returns `status`: `return fail(err, ...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
inline vd_status fail(vd_err* err, vd_status status, const char* format, ...) {
  if (err) {
    va_list args;
    va_start(args, format);
    std::vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
  }
  return status;
}

// ---- dtypes ------------------------------------------------------------------------------------

/* In the order of vidya.dtypes. */
enum class DType : uint8_t {
  Bool,
  U8,
  U16,
  U32,
  U64,
  I8,
  I16,
  I32,
  I64,
  F16,
  BF16,
  F32,
  F64,
  C64,
  C128,
  Unknown
};
constexpr int kDTypes = 15;

inline DType dtype_of(vd_dtype d) {
  if (d.lanes != 1) return DType::Unknown;
  auto by_width = [&](DType w8, DType w16, DType w32, DType w64) {
    switch (d.bits) {
      case 8:
        return w8;
      case 16:
        return w16;
      case 32:
        return w32;
      case 64:
        return w64;
      default:
        return DType::Unknown;
    }
  };
  switch (d.code) {
    case VD_BOOL:
      return d.bits == 8 ? DType::Bool : DType::Unknown;
    case VD_UINT:
      return by_width(DType::U8, DType::U16, DType::U32, DType::U64);
    case VD_INT:
      return by_width(DType::I8, DType::I16, DType::I32, DType::I64);
    case VD_FLOAT:
      return by_width(DType::Unknown, DType::F16, DType::F32, DType::F64);
    case VD_BFLOAT:
      return d.bits == 16 ? DType::BF16 : DType::Unknown;
    case VD_COMPLEX:
      return d.bits == 64 ? DType::C64 : d.bits == 128 ? DType::C128 : DType::Unknown;
    default:
      return DType::Unknown;
  }
}

inline const char* name_of(DType t) {
  static const char* const names[] = {
      "bool",  "uint8",   "uint16",   "uint32",  "uint64",  "int8",      "int16",      "int32",
      "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128", "unknown"};
  return names[static_cast<int>(t)];
}

/* Bytes of one element; 0 for Unknown. */
inline int size_of(DType t) {
  static const int sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 0};
  return sizes[static_cast<int>(t)];
}

constexpr bool is_half(DType t) { return t == DType::F16 || t == DType::BF16; }
constexpr bool is_float(DType t) { return t >= DType::F16 && t <= DType::F64; }
constexpr bool is_complex(DType t) { return t == DType::C64 || t == DType::C128; }
constexpr bool is_int(DType t) { return t >= DType::U8 && t <= DType::I64; }

// ---- tensors -----------------------------------------------------------------------------------

inline int64_t numel(const vd_tensor& t) {
  int64_t n = 1;
  for (int i = 0; i < t.ndim; ++i) n *= t.shape[i];
  return n;
}

inline bool absent(const vd_tensor& t) { return t.flags & VD_TENSOR_ABSENT; }
inline bool scalar(const vd_tensor& t) { return t.flags & VD_TENSOR_SCALAR; }

/* Row-major without gaps; sizes of 1 may have any stride. */
inline bool contiguous(const vd_tensor& t) {
  int64_t want = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    if (t.shape[i] == 0) return true;
    if (t.shape[i] != 1 && t.strides[i] != want) return false;
    want *= t.shape[i];
  }
  return true;
}

inline bool same_shape(const vd_tensor& a, const vd_tensor& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] != b.shape[i]) return false;
  return true;
}

/* The first element, on a device whose buffers are host addresses; a scalar is its own memory. */
inline const void* data(const vd_tensor& t) {
  if (scalar(t)) return t.value.bytes;
  return static_cast<const char*>(t.buffer) + t.offset;
}
inline void* data(vd_tensor& t) {
  if (scalar(t)) return t.value.bytes;
  return static_cast<char*>(t.buffer) + t.offset;
}

template <class T>
struct View {
  T* data;
  const int64_t* shape;
  const int64_t* strides;
  int ndim;

  explicit View(const vd_tensor& t)
      : data(reinterpret_cast<T*>(const_cast<void*>(sdk::data(t)))),
        shape(t.shape),
        strides(t.strides),
        ndim(t.ndim) {}
  template <class... I>
  T& operator()(I... index) const {
    int64_t at = 0;
    int dim = 0;
    ((at += static_cast<int64_t>(index) * strides[dim++]), ...);
    return data[at];
  }
};

// ---- attributes --------------------------------------------------------------------------------

inline const vd_attr* find_attr(const vd_call& call, const char* name) {
  for (int i = 0; i < call.n_attrs; ++i)
    if (std::strcmp(call.attrs[i].name, name) == 0) return &call.attrs[i];
  return nullptr;
}

inline int64_t attr_int(const vd_call& call, const char* name, int64_t otherwise) {
  const vd_attr* a = find_attr(call, name);
  if (!a) return otherwise;
  return a->kind == VD_ATTR_INT     ? a->value.i
         : a->kind == VD_ATTR_FLOAT ? static_cast<int64_t>(a->value.f)
                                    : otherwise;
}

inline double attr_float(const vd_call& call, const char* name, double otherwise) {
  const vd_attr* a = find_attr(call, name);
  if (!a) return otherwise;
  return a->kind == VD_ATTR_FLOAT ? a->value.f
         : a->kind == VD_ATTR_INT ? static_cast<double>(a->value.i)
                                  : otherwise;
}

inline const char* attr_str(const vd_call& call, const char* name, const char* otherwise) {
  const vd_attr* a = find_attr(call, name);
  return a && a->kind == VD_ATTR_STR ? a->value.s : otherwise;
}

/* A real scalar's value, whatever its dtype. */
inline double scalar_value(const vd_tensor& t);

// ---- registration ------------------------------------------------------------------------------

/* Op name -> Maker.  One table per device; find() looks up and calls the maker. */
template <class Maker>
class Table {
 public:
  void add(const char* op, Maker maker) { makers_.emplace(op, maker); }
  const Maker* get(const char* op) const {
    auto it = makers_.find(op);
    return it == makers_.end() ? nullptr : &it->second;
  }
  size_t size() const { return makers_.size(); }

 private:
  std::unordered_map<std::string, Maker> makers_;
};

// ---- 16-bit floats -----------------------------------------------------------------------------

template <class To, class From>
inline To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

inline float bf16_to_float(uint16_t h) { return bits_as<float>(uint32_t(h) << 16); }

inline uint16_t float_to_bf16(float f) {
  uint32_t u = bits_as<uint32_t>(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return uint16_t((u >> 16) | 0x40);  // keep NaN a NaN
  return uint16_t((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

inline float f16_to_float(uint16_t h) {
  // Shift exponent and mantissa into place, then rescale by 2^112: subnormals come out right.
  uint32_t sign = uint32_t(h & 0x8000u) << 16, rest = uint32_t(h & 0x7fffu) << 13;
  float f = bits_as<float>(rest) * bits_as<float>(0x77800000u);
  uint32_t u = bits_as<uint32_t>(f);
  if ((h & 0x7c00u) == 0x7c00u) u |= 0x7f800000u;
  return bits_as<float>(u | sign);
}

inline uint16_t float_to_f16(float f) {
  uint32_t u = bits_as<uint32_t>(f), sign = (u >> 16) & 0x8000u;
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) return uint16_t(sign | 0x7e00u);   // NaN
  if (u >= 0x477ff000u) return uint16_t(sign | 0x7c00u);  // 65520 and above: infinity
  if (u < 0x38800000u) {                                  // subnormal: let the adder round
    float magic = bits_as<float>(u) + 0.5f;
    return uint16_t(sign | (bits_as<uint32_t>(magic) - 0x3f000000u));
  }
  u += 0xc8000000u + 0xfffu + ((u >> 13) & 1);  // rebias the exponent, round to nearest even
  return uint16_t(sign | (u >> 13));
}

inline double scalar_value(const vd_tensor& t) {
  const unsigned char* b = t.value.bytes;
  auto as = [&](auto zero) {
    std::memcpy(&zero, b, sizeof zero);
    return zero;
  };
  switch (dtype_of(t.dtype)) {
    case DType::Bool:
    case DType::U8:
      return as(uint8_t{});
    case DType::U16:
      return as(uint16_t{});
    case DType::U32:
      return as(uint32_t{});
    case DType::U64:
      return static_cast<double>(as(uint64_t{}));
    case DType::I8:
      return as(int8_t{});
    case DType::I16:
      return as(int16_t{});
    case DType::I32:
      return as(int32_t{});
    case DType::I64:
      return static_cast<double>(as(int64_t{}));
    case DType::F16:
      return f16_to_float(as(uint16_t{}));
    case DType::BF16:
      return bf16_to_float(as(uint16_t{}));
    case DType::F32:
    case DType::C64:
      return as(float{});
    case DType::F64:
    case DType::C128:
      return as(double{});
    case DType::Unknown:
      break;
  }
  return 0;
}

// ---- random numbers ----------------------------------------------------------------------------

/* One Philox4x32-10 block (Salmon, Moraes, Dror, Shaw, SC'11): 128-bit counter, 64-bit key. */
struct Philox {
  uint32_t word[4];
};

inline Philox philox4x32_10(uint64_t counter_lo, uint64_t counter_hi, uint64_t key) {
  uint32_t c0 = uint32_t(counter_lo), c1 = uint32_t(counter_lo >> 32);
  uint32_t c2 = uint32_t(counter_hi), c3 = uint32_t(counter_hi >> 32);
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(p1);
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/* Word i of `random_bits`: word i % 4 of the block with counter (offset + i / 4, 0). */
inline uint32_t random_word(int64_t key, int64_t offset, int64_t i) {
  return philox4x32_10(uint64_t(offset) + uint64_t(i) / 4, 0, uint64_t(key)).word[i % 4];
}

}  // namespace vidya::sdk

#endif  // VIDYA_SDK_HPP
