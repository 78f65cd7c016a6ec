#include "base/lapack.h"

#include <string>

namespace vob {
namespace {

template <class L>
bool bind_type(L& l, char letter, bool complex, void* (*find)(void*, const char*), void* library) {
  auto one = [&](auto& f, const char* name) {
    std::string symbol = std::string(1, letter) + name + "_";
    void* p = find(library, symbol.c_str());
    f = reinterpret_cast<std::decay_t<decltype(f)>>(p);
    return p != nullptr;
  };
  auto cblas = [&](auto& f, const char* name) {
    void* p = find(library, (std::string("cblas_") + letter + name).c_str());
    f = reinterpret_cast<std::decay_t<decltype(f)>>(p);
    return p != nullptr;
  };
  return one(l.getrf, "getrf") && one(l.getrs, "getrs") && one(l.potrf, "potrf") &&
         one(l.gelqf, "gelqf") && one(l.orglq, complex ? "unglq" : "orglq") &&
         one(l.gelqt, "gelqt") && one(l.gemlqt, "gemlqt") && one(l.trtri, "trtri") &&
         one(l.gesdd, "gesdd") && one(l.syevd, complex ? "heevd" : "syevd") &&
         one(l.geev, "geev") && cblas(l.trsm, "trsm");
}

}  // namespace

bool Lapack::bind(void* (*find)(void*, const char*), void* library) {
  return bind_type(s, 's', false, find, library) && bind_type(d, 'd', false, find, library) &&
         bind_type(c, 'c', true, find, library) && bind_type(z, 'z', true, find, library);
}

}  // namespace vob
