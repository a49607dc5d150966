"""A fuzz target: a test that replays a kept corpus, and a fuzzer under asan."""

def fuzz_target(name, deps, srcs = None, corpus = None, **kwargs):
    """The test runs every file of the corpus once. See run.sh for fuzzing.

    Args:
      name: NAME_fuzz.
      deps: what NAME_fuzz.cc includes.
      srcs: [NAME_fuzz.cc] without it.
      corpus: the files of NAME_corpus/ without it.
      **kwargs: of cc_test.
    """
    subject = name[:-len("_fuzz")]
    native.filegroup(
        name = subject + "_corpus",
        srcs = corpus or native.glob([subject + "_corpus/*"]),
    )
    native.cc_test(
        name = name,
        size = "small",
        # So that libFuzzer sees the code that it drives.
        linkstatic = True,
        srcs = srcs or [name + ".cc"],
        args = ["$(rootpaths :%s_corpus)" % subject],
        data = [":%s_corpus" % subject],
        linkopts = select({
            "//tests/fuzz:asan": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        deps = deps + select({
            "//tests/fuzz:asan": [],
            "//conditions:default": ["//tests/fuzz:replay"],
        }),
        **kwargs
    )
