// Sets a field of a message unless it is set.
#ifndef GRADLOOM_MODELS_SPEC_DEFAULTS_H_
#define GRADLOOM_MODELS_SPEC_DEFAULTS_H_

#define GRADLOOM_DEFAULT(message, field, value) \
  if (!(message)->has_##field()) (message)->set_##field(value)

#endif  // GRADLOOM_MODELS_SPEC_DEFAULTS_H_
