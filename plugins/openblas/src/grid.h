// grid_sample's kernel.
#ifndef VIDYA_OPENBLAS_GRID_H
#define VIDYA_OPENBLAS_GRID_H

#include "common.h"

namespace vob {

void add_grid(sdk::Table<Make>& table);

}  // namespace vob

#endif
