# The files that are compiled once per instruction-set level share no inline function with others
# (models/kernels/level.h). Arguments: NM, OBJECTS (;-list of one level's object files), LEVEL.
execute_process(COMMAND ${NM} --demangle --defined-only ${OBJECTS}
                OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${output}")
set(symbols 0)
foreach(line IN LISTS lines)
  if(line MATCHES " T gradloom::${LEVEL}::")
    math(EXPR symbols "${symbols} + 1")
  endif()
  # Weak (W, V) and unique (u) symbols are those of which the linker keeps one copy.
  if(line MATCHES " [WVu] (.*)$")
    set(name "${CMAKE_MATCH_1}")
    if(NOT name MATCHES "(^| )Eigen_${LEVEL}::|^DW\\.ref\\.__gxx_personality")
      message(SEND_ERROR "shared by other files, but built for ${LEVEL}: ${name}")
    endif()
  endif()
endforeach()
if(symbols EQUAL 0)
  message(FATAL_ERROR "no function of gradloom::${LEVEL} found: has the layout changed?")
endif()
