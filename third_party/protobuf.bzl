"""Builds a .proto file with the system's protoc."""

def cc_proto(name, src, deps = [], visibility = None):
    """Declares the C++ library of one proto file.

    Args:
      name: the library; include it as "<package>/<file>.pb.h".
      src: the .proto file, in the same package.
      deps: the cc_proto of what it imports, in the same package; each is named
        as its file, with "_proto" behind.
      visibility: as for cc_library.
    """
    stem = src[:-len(".proto")]
    imports = [dep[1:-len("_proto")] + ".proto" for dep in deps]
    native.genrule(
        name = name + "_gen",
        srcs = [src] + imports,
        outs = [stem + ".pb.h", stem + ".pb.cc"],
        cmd = "protoc --proto_path=. --cpp_out=$(GENDIR) $(location %s)" % src,
    )
    native.cc_library(
        name = name,
        srcs = [stem + ".pb.cc"],
        hdrs = [stem + ".pb.h"],
        copts = ["-w"],  # Generated: its warnings are not ours to mend.
        visibility = visibility,
        deps = deps + ["//third_party:protobuf"],
    )
