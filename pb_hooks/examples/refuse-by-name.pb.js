/// <reference path="../types.d.ts" />
/// <reference path="../longshore.d.ts" />
// @ts-check

// Refuses jobs whose name, or the name of one of their files, looks like something nobody wants here.
//
// A magnet's files are not known when it is submitted: only its name is looked at then.

const unwanted = [
  /\.(exe|scr|bat|lnk)$/i, // programs that pose as films
  /\b(cam|telesync)\b/i,
]

/** @param {string} name */
const isUnwanted = (name) => unwanted.some((pattern) => pattern.test(name))

onJobSubmit((e) => {
  const found = [e.name, ...e.files].find(isUnwanted)
  if (found) {
    throw new ForbiddenError(`"${found}" is not wanted here.`)
  }
})
