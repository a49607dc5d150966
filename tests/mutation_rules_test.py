"""What tools/mutate.py may do to a line."""
import unittest

from tools import mutation_rules


def changed(line):
    return [text.strip() for _, text in mutation_rules.mutations(line)]


class MutationRules(unittest.TestCase):
    def test_operators_constants_and_conditions_are_changed_one_at_a_time(self):
        self.assertEqual(
            changed("  if (count == 0 && !done) {"),
            [
                "if (count != 0 && !done) {",
                "if (count == 0 || !done) {",
                "if (count == 0 && done) {",
                "if (count == 1 && !done) {",
                "if (!(count == 0 && !done)) {",
            ],
        )

    def test_a_call_is_removed(self):
        self.assertEqual(changed("  Erase(name);"), ["(void)0;"])

    def test_a_loop_goes_one_too_far(self):
        self.assertIn(
            "for (int i = 0; i <= n; ++i) {", changed("  for (int i = 0; i < n; ++i) {")
        )

    def test_what_only_declares_includes_logs_or_checks_is_left_alone(self):
        for line in [
            "#include <vector>",
            "// a == b",
            "using A = B<0>;",
            "  CHECK(a == b);",
            "  case 0:",
            "  template <int n = 0>",
        ]:
            self.assertEqual(changed(line), [], line)

    def test_strings_and_comments_stay(self):
        self.assertEqual(changed('  text = "a == b && 0";'), [])
        self.assertEqual(changed("  text = other;  // a == b"), [])


if __name__ == "__main__":
    unittest.main()
