package asl

import "fmt"

// NotExpress lists what a machine has that Express workflows do not support.
func (m *Machine) NotExpress() []Diagnostic {
	var all []Diagnostic
	refuse := func(location, what string) {
		all = append(all, Diagnostic{SeverityError, CodeSchema, "Express state machine does not support " + what, location})
	}
	for _, p := range m.programs {
		for _, name := range p.order {
			st := p.states[name]
			at := st.location
			switch r := ParseResource(st.resource); {
			case st.kind == typeMap && st.fan != nil && st.fan.distributed:
				refuse(at+"/ItemProcessor/ProcessorConfig/Mode", "Distributed Map states")
			case st.kind != typeTask:
			case r.Kind == "activity":
				refuse(at+"/Resource", "Activity ARN")
			case r.Pattern != "":
				refuse(at+"/Resource", fmt.Sprintf("'.%s' service integration", r.Pattern))
			}
		}
	}
	return all
}
