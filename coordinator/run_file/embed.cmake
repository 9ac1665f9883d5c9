# cmake -DIN=binary -DOUT=file.cc -DNAME=kName -P embed.cmake: a binary file as a C++ array.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT}
     "#include <cstddef>\nnamespace gradloom {\nextern const unsigned char ${NAME}[];\n"
     "extern const size_t ${NAME}Size;\nconst unsigned char ${NAME}[] = {\n${bytes}};\n"
     "const size_t ${NAME}Size = sizeof(${NAME});\n}  // namespace gradloom\n")
