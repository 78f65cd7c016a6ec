// LAPACK from the OpenBLAS library that also multiplies matrices, by element type.
#ifndef VIDYA_OPENBLAS_LAPACK_H
#define VIDYA_OPENBLAS_LAPACK_H

#include <complex>
#include <type_traits>

#include "vidya/backend.h"

namespace vob {

/* Fortran's calls, 32-bit integers; the lengths of strings that follow are not passed on by any
 * LAPACK that reads one letter.  T is the element, R its real type. */
template <class T, class R>
struct LapackOf {
  void (*getrf)(const int* m, const int* n, T* a, const int* lda, int* pivots, int* info) = nullptr;
  void (*getrs)(const char* trans, const int* n, const int* k, const T* a, const int* lda,
                const int* pivots, T* b, const int* ldb, int* info) = nullptr;
  void (*potrf)(const char* uplo, const int* n, T* a, const int* lda, int* info) = nullptr;
  void (*gelqf)(const int* m, const int* n, T* a, const int* lda, T* tau, T* work, const int* lwork,
                int* info) = nullptr;
  void (*orglq)(const int* m, const int* n, const int* k, T* a, const int* lda, const T* tau,
                T* work, const int* lwork, int* info) = nullptr;
  /* The same with the reflectors in blocks of mb rows, whose factors t are kept. */
  void (*gelqt)(const int* m, const int* n, const int* mb, T* a, const int* lda, T* t,
                const int* ldt, T* work, int* info) = nullptr;
  void (*gemlqt)(const char* side, const char* trans, const int* m, const int* n, const int* k,
                 const int* mb, const T* v, const int* ldv, const T* t, const int* ldt, T* c,
                 const int* ldc, T* work, int* info) = nullptr;
  void (*trtri)(const char* uplo, const char* diag, const int* n, T* a, const int* lda,
                int* info) = nullptr;
  /* gesdd and syevd of the complex types take rwork before iwork (and info). */
  void* gesdd = nullptr;
  void* syevd = nullptr;
  void* geev = nullptr;  // real types give the parts of the values, complex ones take rwork
  using Alpha = std::conditional_t<std::is_same_v<T, R>, T, const void*>;
  void (*trsm)(int order, int side, int uplo, int trans, int diag, int m, int n, Alpha alpha,
               const T* a, int lda, T* b, int ldb) = nullptr;
};

struct Lapack {
  LapackOf<float, float> s;
  LapackOf<double, double> d;
  LapackOf<std::complex<float>, float> c;
  LapackOf<std::complex<double>, double> z;

  /* False if the library has none; `find` gives a symbol's address or nullptr. */
  bool bind(void* (*find)(void* library, const char* name), void* library);

  const auto& of(float) const { return s; }
  const auto& of(double) const { return d; }
  const auto& of(std::complex<float>) const { return c; }
  const auto& of(std::complex<double>) const { return z; }
};

}  // namespace vob

#endif
