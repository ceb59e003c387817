package api

// adminRoutes are for admins only.
func (a *API) adminRoutes() []route {
	return []route{}
}
