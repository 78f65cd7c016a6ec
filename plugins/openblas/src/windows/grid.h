// grid_sample's kernel.
#ifndef VIDYA_OPENBLAS_GRID_H
#define VIDYA_OPENBLAS_GRID_H

#include "base/common.h"

namespace vob {

void add_grid(sdk::Table<Make>& table);

}  // namespace vob

#endif
