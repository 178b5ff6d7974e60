package ebb

import "testing"

func TestVersionQualifiers(t *testing.T) {
	for q, want := range map[string]int64{"": 0, Latest: 0, "1": 1, "42": 42} {
		if n, ok := ParseVersion(q); !ok || n != want {
			t.Errorf("%q: got %d, %v", q, n, ok)
		}
	}
	for _, q := range []string{"0", "-1", "live", "1a", "99999999999999999999"} {
		if n, ok := ParseVersion(q); ok {
			t.Errorf("%q was read as version %d", q, n)
		}
	}
	if VersionQualifier(0) != Latest || VersionQualifier(7) != "7" {
		t.Error("versions are not spelt as they are read")
	}
}

func TestTenantIsNamedWhereItCounts(t *testing.T) {
	for _, c := range []struct {
		per    bool
		tenant string
		ok     bool
	}{{true, "blue", true}, {true, "", false}, {false, "", true}, {false, "blue", false}} {
		err := (&Version{PerTenant: c.per}).CheckTenant(c.tenant)
		if (err == nil) != c.ok || err != nil && TypeOf(err) != TypeInvalidParameterValue {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
