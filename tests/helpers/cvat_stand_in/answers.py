"""What the objects look like in answers: exactly the fields that CVAT 2.54 sends."""

from dataclasses import replace
from urllib.parse import quote

from .state import (
    Background,
    Comment,
    Issue,
    Job,
    Label,
    Organization,
    Project,
    State,
    Task,
    User,
)

HIDDEN = "placeholder.jpg"
"""The name of frames that a ground-truth job has not."""


class Answers:
    """Turn objects into JSON. ``host`` is what links begin with, as the client called it."""

    def __init__(self, state: State, host: str):
        self.state = state
        self.host = host

    def user(self, user: User | None):
        return user and {
            "url": f"{self.host}/api/users/{user.id}",
            "id": user.id,
            "username": user.username,
            "first_name": user.first_name,
            "last_name": user.last_name,
        }

    def whole_user(self, user: User):
        """What one sees of oneself, and an admin of everyone."""
        return {
            **self.user(user),
            "email": f"{user.username}@example.com",
            "groups": [user.group],
            "is_staff": user.group == "admin",
            "is_superuser": user.group == "admin",
            "is_active": True,
            "last_login": None,
            "date_joined": "2026-01-01T00:00:00Z",
            "has_analytics_access": user.group == "admin",
        }

    def organization(self, organization: Organization):
        return {
            "id": organization.id,
            "slug": organization.slug,
            "name": organization.name,
            "description": "",
            "created_date": organization.created,
            "updated_date": organization.created,
            "contact": {},
            "owner": self.user(organization.owner),
        }

    def label(self, label: Label):
        inner = [lb for lb in self.state.labels.values() if lb.parent is label]
        owner = (
            {"project_id": label.project_id}
            if label.project_id is not None
            else {"task_id": label.task_id}
        )
        told = {
            **self._own_label(label),
            "sublabels": [self._own_label(one) for one in inner],
            **owner,
            "parent_id": label.parent and label.parent.id,
        }
        return {**told, "svg": label.svg} if label.type == "skeleton" else told

    @staticmethod
    def _own_label(label: Label):
        return {
            "id": label.id,
            "name": label.name,
            "color": label.color,
            "attributes": label.attributes,
            "type": label.type,
            "has_parent": label.parent is not None,
        }

    def project(self, project: Project):
        tasks = [task for task in self.state.tasks.values() if task.project is project]
        return {
            "url": f"{self.host}/api/projects/{project.id}",
            "id": project.id,
            "name": project.name,
            "owner": self.user(project.owner),
            "assignee": self.user(project.assignee),
            "guide_id": None,
            "bug_tracker": project.bug_tracker,
            "task_subsets": sorted({task.subset for task in tasks} - {""}),
            "created_date": project.created,
            "updated_date": project.updated,
            "status": "annotation",
            "dimension": "2d" if tasks else None,
            "organization_id": project.organization and project.organization.id,
            "organization": project.organization and project.organization.id,
            "target_storage": project.target_storage,
            "source_storage": project.source_storage,
            "tasks": {
                "count": len(tasks),
                "url": f"{self.host}/api/tasks?project_id={project.id}",
            },
            "labels": {"url": f"{self.host}/api/labels?project_id={project.id}"},
            "assignee_updated_date": project.assigned,
        }

    def task(self, task: Task):
        jobs = [job for job in self.state.jobs.values() if job.task is task]
        told = {
            "url": f"{self.host}/api/tasks/{task.id}",
            "id": task.id,
            "name": task.name,
            "project_id": task.project_id,
            "mode": task.mode,
            "owner": self.user(task.owner),
            "assignee": self.user(task.assignee),
            "bug_tracker": task.bug_tracker,
            "created_date": task.created,
            "updated_date": task.updated,
            "overlap": task.overlap,
            "segment_size": task.segment_size,
            "status": "annotation",
            "guide_id": None,
            "dimension": "2d",
            "subset": task.subset,
            "organization_id": task.organization and task.organization.id,
            "organization": task.organization and task.organization.id,
            "target_storage": task.target_storage,
            "source_storage": task.source_storage,
            "jobs": {
                "count": len(jobs),
                "completed": sum(
                    job.stage == "acceptance" and job.state == "completed" for job in jobs
                ),
                "validation": sum(job.stage == "validation" for job in jobs),
                "url": f"{self.host}/api/jobs?task_id={task.id}",
            },
            "labels": {"url": f"{self.host}/api/labels?task_id={task.id}"},
            "assignee_updated_date": task.assigned,
            "validation_mode": "gt" if any(job.type == "ground_truth" for job in jobs) else None,
            "consensus_enabled": task.consensus_replicas > 0,
        }
        if task.data:
            told |= {
                "data_chunk_size": task.data.chunk_size,
                "data_original_chunk_type": "imageset",
                "data_compressed_chunk_type": "imageset",
                "data_cloud_storage_id": task.data.cloud_storage_id,
                "size": len(task.data.frames),
                "image_quality": task.data.image_quality,
                "data": task.data.id,
            }
        return told

    def job(self, job: Job):
        task = job.task
        issues = [issue for issue in self.state.issues.values() if issue.job is job]
        return {
            "url": f"{self.host}/api/jobs/{job.id}",
            "id": job.id,
            "task_id": task.id,
            "project_id": task.project_id,
            "assignee": self.user(job.assignee),
            "guide_id": None,
            "dimension": "2d",
            "bug_tracker": task.bug_tracker or (task.project.bug_tracker if task.project else None),
            "status": "completed" if job.stage == "acceptance" else job.stage,
            "stage": job.stage,
            "state": job.state,
            "mode": task.mode,
            "frame_count": len(job.chosen or job.frames),
            "start_frame": job.start_frame,
            "stop_frame": job.stop_frame,
            "data_chunk_size": task.data.chunk_size,
            "data_compressed_chunk_type": "imageset",
            "data_original_chunk_type": "imageset",
            "created_date": job.created,
            "updated_date": job.updated,
            "issues": {
                "url": f"{self.host}/api/issues?job_id={job.id}",
                "count": len(issues),
            },
            "labels": {"url": f"{self.host}/api/labels?job_id={job.id}"},
            "type": job.type,
            "organization": task.organization and task.organization.id,
            "target_storage": task.target_storage,
            "source_storage": task.source_storage,
            "assignee_updated_date": job.assigned,
            "parent_job_id": job.parent and job.parent.id,
            "consensus_replicas": 0 if job.parent else task.consensus_replicas,
        }

    def meta(self, task: Task, job: Job | None = None):
        """``/data/meta`` of a task that has data, or of the frames of one job.

        A ground-truth job shows those that are not its own as placeholders.
        """
        data = task.data
        frames = job.frames if job else range(len(data.frames))
        chosen = frozenset((job and job.chosen) or frames)
        shown = [
            data.frames[number] if number in chosen else replace(data.frames[number], name=HIDDEN)
            for number in frames
        ]
        if data.video:
            shown = [replace(each, name=data.video) for each in shown[:1]]
        deleted = data.deleted_frames
        if job:
            deleted = sorted(chosen.intersection([*deleted, *job.disabled]))
        stop_frame = data.start_frame + (frames.stop - 1) * data.step if frames else data.stop_frame
        return {
            "chapters": None,
            "chunks_updated_date": data.chunks_updated if data.frames else None,
            "chunk_size": data.chunk_size,
            "size": len(chosen),
            "image_quality": data.image_quality,
            "start_frame": data.start_frame + frames.start * data.step,
            "stop_frame": stop_frame,
            "frame_filter": data.frame_filter,
            "frames": [
                {
                    "width": frame.width,
                    "height": frame.height,
                    "name": frame.name,
                    "related_files": 0,
                    "has_related_context": False,
                }
                for frame in shown
            ],
            "deleted_frames": deleted,
            "included_frames": (job and job.chosen) or None,
            "storage": data.storage,
            "cloud_storage_id": data.cloud_storage_id,
        }

    def issue(self, issue: Issue):
        comments = [one for one in self.state.comments.values() if one.issue is issue]
        return {
            "id": issue.id,
            "frame": issue.frame,
            "position": issue.position,
            "job": issue.job.id,
            "owner": self.user(issue.owner),
            "assignee": self.user(issue.assignee),
            "created_date": issue.created,
            "updated_date": issue.updated,
            "resolved": issue.resolved,
            "comments": {
                "count": len(comments),
                "url": f"{self.host}/api/comments?issue_id={issue.id}",
            },
        }

    def comment(self, comment: Comment):
        return {
            "id": comment.id,
            "issue": comment.issue.id,
            "owner": self.user(comment.owner),
            "message": comment.message,
            "created_date": comment.created,
            "updated_date": comment.updated,
        }

    def background(self, work: Background):
        place = f"{self.host}/api/tasks/{work.task.id}/dataset/download?rq_id={quote(work.id)}"
        return {
            "status": work.status,
            "message": work.message,
            "id": work.id,
            "operation": {
                "type": work.operation,
                "target": "task",
                "project_id": work.task.project_id,
                "task_id": work.task.id,
                "job_id": None,
                "format": work.format,
                "lightweight": None,
            },
            "progress": 0.0,
            "created_date": work.created,
            "started_date": work.started,
            "finished_date": work.finished,
            "expiry_date": work.expiry,
            "owner": {"id": work.owner.id, "username": work.owner.username},
            "result_url": place if work.result and work.status == "finished" else None,
            "result_id": None,
        }
