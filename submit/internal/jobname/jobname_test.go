package jobname

import "testing"

func TestDistinct(t *testing.T) {
	for _, test := range []struct{ blends, want []string }{
		{[]string{"shots/sq010/sh010.blend", "shots/sq010/sh020.blend"}, []string{"sh010", "sh020"}},
		{[]string{"shots/sq010/sh010.blend", "shots/sq020/sh010.blend"}, []string{"sq010_sh010", "sq020_sh010"}},
		{[]string{"a/x/s.blend", "b/x/s.blend", "s.blend"}, []string{"a_x_s", "b_x_s", "s"}},
	} {
		names := Distinct(test.blends)
		for i, blend := range test.blends {
			if names[blend] != test.want[i] {
				t.Errorf("%s of %v is called %q, want %q", blend, test.blends, names[blend], test.want[i])
			}
		}
	}
}
