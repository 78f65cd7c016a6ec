// Kinds of products with a kernel of their own; each gives nullptr where it does not fit.
#ifndef VIDYA_OPENBLAS_PRODUCTS_H
#define VIDYA_OPENBLAS_PRODUCTS_H

#include "common.h"
#include "gemm.h"

namespace vob {

/* A few rows times a large matrix whose columns lie in rows. */
std::unique_ptr<Kernel> few_rows_product(const Device& d, uint32_t caps, DType type,
                                         const GemmShape& s, const Matrices& a, const Matrices& b,
                                         bool bias);
std::unique_ptr<Kernel> int_product(DType type, const GemmShape& s, const Matrices& a,
                                    const Matrices& b);

}  // namespace vob

#endif
