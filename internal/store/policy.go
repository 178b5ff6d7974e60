package store

import "github.com/ebb-faas/ebb/internal/ebb"

// FunctionPolicy returns the policy of a function's qualifier ("" is the
// function), or ErrNotFound.
func (tx *Tx) FunctionPolicy(key ebb.FunctionKey, qualifier string) (*ebb.ResourcePolicy, error) {
	return tx.policy("SELECT revision_id, statements FROM function_policy WHERE service = ? AND name = ? AND qualifier = ?",
		string(key.Service), key.Name, qualifier)
}

// SetFunctionPolicy makes p the policy of a function's qualifier; without
// statements there is none afterwards. ErrMissing: there is no such function.
func (tx *Tx) SetFunctionPolicy(key ebb.FunctionKey, qualifier string, p *ebb.ResourcePolicy) error {
	if len(p.Statements) == 0 {
		return tx.DeleteFunctionPolicy(key, qualifier)
	}
	statements, err := encode(p.Statements)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO function_policy (service, name, qualifier, revision_id, statements) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (service, name, qualifier) DO UPDATE SET revision_id = excluded.revision_id, statements = excluded.statements`,
		string(key.Service), key.Name, qualifier, p.RevisionID, statements)
	return err
}

// DeleteFunctionPolicy removes the policy of a function's qualifier, if there is
// one.
func (tx *Tx) DeleteFunctionPolicy(key ebb.FunctionKey, qualifier string) error {
	_, err := tx.exec("DELETE FROM function_policy WHERE service = ? AND name = ? AND qualifier = ?",
		string(key.Service), key.Name, qualifier)
	return err
}

// LayerPolicy returns the policy of a layer version, or ErrNotFound.
func (tx *Tx) LayerPolicy(key ebb.LayerKey, number int64) (*ebb.ResourcePolicy, error) {
	return tx.policy("SELECT revision_id, statements FROM layer_policy WHERE service = ? AND name = ? AND number = ?",
		string(key.Service), key.Name, number)
}

// SetLayerPolicy makes p the policy of a layer version; without statements there
// is none afterwards. ErrMissing: there is no such layer version.
func (tx *Tx) SetLayerPolicy(key ebb.LayerKey, number int64, p *ebb.ResourcePolicy) error {
	if len(p.Statements) == 0 {
		_, err := tx.exec("DELETE FROM layer_policy WHERE service = ? AND name = ? AND number = ?",
			string(key.Service), key.Name, number)
		return err
	}
	statements, err := encode(p.Statements)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO layer_policy (service, name, number, revision_id, statements) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (service, name, number) DO UPDATE SET revision_id = excluded.revision_id, statements = excluded.statements`,
		string(key.Service), key.Name, number, p.RevisionID, statements)
	return err
}

func (tx *Tx) policy(query string, args ...any) (*ebb.ResourcePolicy, error) {
	var p *ebb.ResourcePolicy
	err := tx.row(query, args, func(scan func(...any) error) error {
		p = new(ebb.ResourcePolicy)
		var text string
		if err := scan(&p.RevisionID, &text); err != nil {
			return err
		}
		return decode("policy.statements", text, &p.Statements)
	})
	return p, err
}
