"""The command line of a tool that writes a document from proto comments."""
import argparse
import os

from tools import descriptors


def main(render, path, regenerate):
    """Writes what `render` makes of the DESCRIPTOR_SET to `path` in the
    workspace; with --check FILE only tells whether FILE says the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("descriptor_set")
    parser.add_argument("--check", metavar="FILE")
    args = parser.parse_args()
    text = render(descriptors.load(args.descriptor_set))
    if args.check:
        with open(args.check) as current:
            if current.read() == text:
                return 0
        print("%s is out of date; run %s" % (args.check, regenerate))
        return 1
    root = os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")
    with open(os.path.join(root, path), "w") as out:
        out.write(text)
    return 0
