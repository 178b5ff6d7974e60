package ebb

import "testing"

func TestWebSettings(t *testing.T) {
	for text, want := range map[string]int{"": 0, "x": 0, "-1": 0, "65536": 0, "0": 0, "8080": 8080, "65535": 65535} {
		v := Version{Env: map[string]string{EnvWebPort: text}}
		if got := v.WebPort(); got != want {
			t.Errorf("port %q is %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{"": 1, "x": 1, "0": 1, "-3": 1, "1": 1, "32": 32, "1000": 1000, "5000": 1000} {
		v := Version{Env: map[string]string{EnvConcurrency: text}}
		if got := v.Concurrency(); got != want {
			t.Errorf("concurrency %q is %d, want %d", text, got, want)
		}
	}
	image := Version{Image: &Image{Settings: map[string]string{EnvWebPort: "80", EnvConcurrency: "5"}}}
	if image.WebPort() != 80 || image.Concurrency() != 5 {
		t.Error("what an image says about itself is not heard")
	}
	image.Env = map[string]string{EnvWebPort: "81"}
	if image.WebPort() != 81 {
		t.Error("the version's own setting does not win")
	}
	if v := (Version{}); v.WebPort() != 0 || v.Concurrency() != 1 {
		t.Error("a version without settings is a web function, or a concurrent one")
	}
}
