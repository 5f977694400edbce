// Prints the instruction sets that this machine can run, one a line.
#include <iostream>

#include "attnewton/kernels/instruction_set.hpp"

int main() {
  for (const attnewton::InstructionSet set : attnewton::available_instruction_sets())
    std::cout << attnewton::name_of(set) << '\n';
}
