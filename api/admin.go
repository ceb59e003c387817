package api

import "slices"

// adminRoutes are for admins only. Each group has its table beside its handlers.
func (a *API) adminRoutes() []route {
	return slices.Concat(
		a.adminUserRoutes(),
		a.adminInviteRoutes(),
		a.adminSettingsRoutes(),
		a.adminJobRoutes(),
		a.adminAgentRoutes(),
		a.adminHealthRoutes(),
		a.adminBlocklistRoutes(),
		a.adminAuditRoutes(),
		a.adminScheduleRoutes(),
		a.adminPlanRoutes(),
	)
}
