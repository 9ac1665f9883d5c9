// Elementary functions out of IEEE operations only. The C library's choose their code by processor
// and differ in the last bit, which would tell the replicas of a chunk sum apart.
#ifndef GRADLOOM_MODELS_PORTABLE_MATH_H_
#define GRADLOOM_MODELS_PORTABLE_MATH_H_

namespace gradloom {

// Natural logarithm of a normal x > 0; absolute error below 1e-10.
double PortableLog(double x);
// Relative error below 1e-14 for |x| <= 700; 0 below, infinity above; NaN stays NaN.
double PortableExp(double x);
// Absolute error below 1e-13 for |x| <= 1e4.
double PortableSin(double x);
double PortableCos(double x);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_PORTABLE_MATH_H_
