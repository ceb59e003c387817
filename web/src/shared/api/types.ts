import type { components } from './schema';

type Schemas = components['schemas'];

export type User = Schemas['User'];
export type Session = Schemas['Session'];
export type Config = Schemas['Config'];
export type Job = Schemas['Job'];
export type JobStatus = Schemas['Status'];
export type JobList = Schemas['JobList'];
export type JobDetail = Schemas['JobDetail'];
export type JobEvent = Schemas['JobEvent'];
export type JobMessage = Schemas['JobMessage'];
export type Progress = Schemas['Progress'];
export type Verdict = Schemas['Verdict'];
export type VerdictMessage = Schemas['VerdictMessage'];
export type Tree = Schemas['Tree'];
export type TreeNode = Schemas['TreeNode'];
export type Folder = Schemas['Folder'];
export type FileNode = Schemas['FileNode'];
export type FileMessage = Schemas['FileMessage'];
export type FileLink = Schemas['FileLink'];
