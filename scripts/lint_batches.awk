# Sorts the sources of a compile_commands.json into batches for lint.sh: those of one batch are compiled alike and declare no private
# name in common. Set: root (the project's folder), below (only sources whose path starts so), folder (where the batches go, with a
# compile_commands.json of them and of the sources), most (sources a batch).

# Keeps in `names` what the source declares for itself: in anonymous namespaces, by clang-format the lines without indentation.
function read_private_names(source,    line, private, name, arguments) {
  delete names
  while ((getline line < source) > 0) {
    if (line ~ /^namespace \{/) private = 1
    if (line ~ /^\}  \/\/ namespace$/) private = 0
    # Tests of several executables may be namesakes; explicit instantiations may be of two halves of one class.
    if (line ~ /^([A-Z_]+\(|template class |int main\()/) names[line]
    else if (private && line ~ /^[A-Za-z]/ && line !~ /^(namespace|template)/ && line !~ /^using [^=]*;$/) {
      name = line
      sub(/([(=;[{]| : ).*/, "", name)
      sub(/ +$/, "", name)
      # Functions of one name may be overloads.
      arguments = line ~ /^[^(=]*\(/ ? substr(line, length(name) + 1) : ""
      sub(/.*[ *&]/, "", name)
      names[name arguments]
    }
  }
  close(source)
}

function fits(number,    name) {
  if (members[number] >= most) return 0
  for (name in names) if ((number, name) in taken) return 0
  return 1
}

# Keeps a source of the project, but one that is generated, with the command that compiles it.
function keep(source) {
  if (index(source, root "/src/") != 1 && index(source, root "/mpi_tests/") != 1) return
  if (index(source, below) != 1 || source in entry) return
  entry[source] = "{\n" directory "\n" command
  sources[++count] = source
}

# Writes a file with the command of the sources it stands for.
function write_entry(entry, file) {
  print (entries++ ? "," : "") entry " -c " file "\",\n  \"file\": \"" file "\"\n}" > database
}

/^ *"directory": / { directory = $0 }
/^ *"command": / {
  command = $0
  sub(/ -o [^ ]* -c [^ ]*",?$/, "", command)
}
/^ *"file": / {
  file = $0
  sub(/^ *"file": "/, "", file)
  sub(/",?$/, "", file)
  if (file !~ /\/Unity\/unity_[^\/]*$/) keep(file)
  else while ((getline line < file) > 0) if (line ~ /^#include "/) keep(substr(line, 11, length(line) - 11))
}

END {
  database = folder "/compile_commands.json"
  print "[" > database
  # Backwards: a source that leans on what those before it in its target include has them behind it here.
  for (i = count; i > 0; --i) {
    source = sources[i]
    write_entry(entry[source], source)
    read_private_names(source)
    for (number = 1; number <= batches; ++number) if (alike[number] == entry[source] && fits(number)) break
    if (number > batches) {
      alike[++batches] = entry[source]
      batch[number] = sprintf("%s/batch_%03d.cpp", folder, number)
      # A local name may be another source's private one; the compiler looks for shadows source by source.
      write_entry(entry[source] " -Wno-shadow", batch[number])
    }
    ++members[number]
    for (name in names) taken[number, name]
    print "#include \"" source "\"" > batch[number]
  }
  print "]" > database
}
