package report

import (
	"fmt"
	"slices"
)

// runIDs returns the ids of the runs that a report is made of.
func (r Report) runIDs() []string {
	if r.ID != "" {
		return append([]string{r.ID}, r.Parts...)
	}
	return r.Parts
}

// partsOf returns the ids of the runs that reports are made of, as far as they have any.
func partsOf(reports []Report) []string {
	var all []string
	for _, r := range reports {
		all = append(all, r.runIDs()...)
	}
	return all
}

// share returns whether a run is in both reports.
func share(a, b Report) bool {
	return slices.ContainsFunc(a.runIDs(), func(id string) bool { return slices.Contains(b.runIDs(), id) })
}

// checkApart returns an error if a run is in both of two reports, the i-th and the j-th:
// its reactions would count twice.
func checkApart(i int, a Report, j int, b Report) error {
	switch {
	case !share(a, b):
		return nil
	case len(a.Parts) == 0 && len(b.Parts) == 0:
		return fmt.Errorf("reports %d and %d are the same run", i, j)
	case len(a.Parts) == 0:
		return fmt.Errorf("report %d is a part of report %d, which was merged before: it would count twice", i, j)
	case len(b.Parts) == 0:
		return fmt.Errorf("report %d is a part of report %d, which was merged before: it would count twice", j, i)
	}
	return fmt.Errorf("reports %d and %d were merged before and have a part in common: it would count twice", i, j)
}
