// Kinds of products with a kernel of their own, and what they share; nullptr where one does not
// fit.
#ifndef VIDYA_OPENBLAS_PRODUCTS_H
#define VIDYA_OPENBLAS_PRODUCTS_H

#include "base/common.h"
#include "products/gemm.h"

namespace vob {

/* A few rows times a large matrix whose columns lie in rows. */
std::unique_ptr<Kernel> few_rows_product(const Device& d, uint32_t caps, DType type,
                                         const GemmShape& s, const Matrices& a, const Matrices& b,
                                         bool bias);
/* `linears`: several products of one x. */
vd_status make_linears(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                       vd_err* err);
std::unique_ptr<Kernel> int_product(DType type, const GemmShape& s, const Matrices& a,
                                    const Matrices& b);

/* The product of inputs 0 and 1, [..., M, K] and [..., K, N] with the same leading sizes. Many A
 * against one B become one tall A. */
vd_status product_shape(const vd_call& call, GemmShape& s, Matrices& a, Matrices& b, vd_err* err);
vd_status make_matmul_accumulate(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                                 vd_err* err);
vd_status make_matmul_sum(Device& d, const vd_call& call, std::unique_ptr<Kernel>& kernel,
                          vd_err* err);

}  // namespace vob

#endif
