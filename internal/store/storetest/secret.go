package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// secret has two versions, the older one a text.
func secret(service ebb.ServiceID, name string) *ebb.Secret {
	return &ebb.Secret{
		Service: service, Name: name, Description: "of the bank", Current: 2, CreatedAt: At(0), LastModified: At(2),
		Versions: []ebb.SecretVersion{
			{Number: 2, Size: 3, Binary: true, CreatedAt: At(2)}, {Number: 1, Size: 4, CreatedAt: At(1)},
		},
	}
}

func putSecret(tx *store.Tx, s *ebb.Secret) error {
	if err := tx.PutSecret(s); err != nil {
		return err
	}
	for i := range s.Versions {
		v := &s.Versions[i]
		if err := tx.InsertSecretVersion(s.Service, s.Name, v, ebb.Sealed{MasterID: "m1", Blob: []byte{0, byte(v.Number)}}); err != nil {
			return err
		}
	}
	return nil
}

func testSecret(t *testing.T, s *store.Store) {
	v := secret(Service, "none").Versions[0]
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.InsertSecretVersion(Service, "none", &v, ebb.Sealed{Blob: []byte{1}})
	}), store.ErrMissing)
	db := secret(Service, "db")
	Must(t, s, func(tx *store.Tx) error { return putSecret(tx, db) })
	Must(t, s, func(tx *store.Tx) error { return putSecret(tx, secret(Service, "api")) })
	Must(t, s, func(tx *store.Tx) error { return putSecret(tx, secret("123456789012", "db")) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Secret(Service, "db")
		same(t, got, db)
		if err != nil {
			return err
		}
		all, err := tx.Secrets(Service, "", 10)
		if len(all) != 2 || all[0].Name != "api" {
			t.Fatalf("secrets %v", all)
		}
		same(t, all[1], db)
		if err != nil {
			return err
		}
		version, value, err := tx.SecretValue(Service, "db", 2)
		same(t, version, db.Versions[0])
		same(t, value, ebb.Sealed{MasterID: "m1", Blob: []byte{0, 2}})
		if err != nil {
			return err
		}
		_, _, err = tx.SecretValue(Service, "db", 3)
		is(t, err, store.ErrNotFound)
		return nil
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteSecretVersions(Service, "db", 1) })
	db.Description, db.LastModified, db.Versions = "", At(9), db.Versions[:1]
	Must(t, s, func(tx *store.Tx) error { return tx.PutSecret(db) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Secret(Service, "db")
		same(t, got, db)
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteSecret(Service, "db") })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteSecret(Service, "db") }), store.ErrNotFound)
}

func testSecretUsers(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		for name, value := range map[string]string{"a": "secret://my_db", "b": "secret://my_db#3", "c": "secret://my1db", "d": "x", "e": "secret://my_db2"} {
			if err := tx.InsertFunction(&ebb.Function{FunctionKey: Key(name), CreatedAt: At(0)}); err != nil {
				return err
			}
			v := Version(name, 0)
			v.Env = map[string]string{"DB": value}
			if err := tx.InsertVersion(v); err != nil {
				return err
			}
		}
		return nil
	})
	Read(t, s, func(tx *store.Tx) error {
		var got []string
		if err := tx.SecretUsers(Service, "my_db", func(v *ebb.Version) { got = append(got, v.Name+" "+v.Env["DB"]) }); err != nil {
			return err
		}
		same(t, got, []string{"a secret://my_db", "b secret://my_db#3", "e secret://my_db2"})
		return tx.SecretUsers("123456789012", "my_db", func(v *ebb.Version) { t.Errorf("another service's %s", v.Name) })
	})
}

// What is sealed with an old master key is found, and replaced once.
func testMasterKey(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		id, err := tx.MasterKey()
		if id != "" || err != nil {
			t.Errorf("a new database has master key %q (%v)", id, err)
		}
		return tx.SetMasterKey("m1", "")
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetMasterKey("m9", "") }), store.ErrChanged)
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetMasterKey("m9", "m8") }), store.ErrChanged)
	Must(t, s, func(tx *store.Tx) error {
		if err := putSecret(tx, secret(Service, "db")); err != nil {
			return err
		}
		return tx.InsertKey(key("KA", Service))
	})
	Must(t, s, func(tx *store.Tx) error { return tx.SetMasterKey("m2", "m1") })
	Must(t, s, func(tx *store.Tx) error {
		if stale, err := tx.StaleSecrets("m1", 10); len(stale) != 0 || err != nil {
			t.Errorf("stale %v, %v", stale, err)
		}
		secrets, err := tx.StaleSecrets("m2", 1)
		if err != nil {
			return err
		}
		keys, err := tx.StaleKeys("m2", 10)
		if err != nil {
			return err
		}
		if len(secrets) != 1 || secrets[0].Number != 1 || len(keys) != 1 || keys[0].ID != "KA" {
			t.Fatalf("stale %v %v", secrets, keys)
		}
		secrets[0].Value = ebb.Sealed{MasterID: "m2", Blob: []byte("new")}
		keys[0].Secret = secrets[0].Value
		if err := tx.ResealSecret(&secrets[0], "m1"); err != nil {
			return err
		}
		late := secrets[0]
		late.Value.Blob = []byte("late")
		if err := tx.ResealSecret(&late, "m1"); err != nil {
			return err
		}
		return tx.ResealKey(&keys[0], "m1")
	})
	Read(t, s, func(tx *store.Tx) error {
		_, value, err := tx.SecretValue(Service, "db", 1)
		same(t, value, ebb.Sealed{MasterID: "m2", Blob: []byte("new")})
		if err != nil {
			return err
		}
		k, err := tx.Key("KA")
		if err != nil {
			return err
		}
		same(t, k.Secret, value)
		ids, err := tx.MasterKeysInUse()
		same(t, ids, []string{"m1", "m2"})
		return err
	})
}
