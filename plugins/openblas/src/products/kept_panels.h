// Weights that stay what they are, packed once as products read them.
#ifndef VIDYA_OPENBLAS_KEPT_PANELS_H
#define VIDYA_OPENBLAS_KEPT_PANELS_H

#include <memory>

#include "products/gemm_packed.h"

namespace vob {

/* Does the call ask for it, of its input 1? */
inline bool keeps_panels(const vd_call& call) { return call.inputs[1].flags & VD_TENSOR_PACK; }

/* A kernel's hold on the panels of one matrix. Kernels whose matrix is the same, as those of
 * several plans of one model, share them. */
template <class E>
class KeptPanels {
 public:
  /* Those of k x n at b, packed at the first call; null if there is no memory for them. */
  const Panels<E>* of(Device& d, const PackedKernels<E>& kernels, const E* b, const Matrices& m);

 private:
  std::shared_ptr<const Panels<E>> panels_;
  const E* from_ = nullptr;
};

}  // namespace vob

#endif
